package e2e

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	fileSource = "org.apache.kafka.connect.file.FileStreamSourceConnector"
	fileSink   = "org.apache.kafka.connect.file.FileStreamSinkConnector"
	mirror     = "org.apache.kafka.connect.mirror.MirrorSourceConnector"
	jsonType   = "org.apache.kafka.connect.json.JsonConverter"
)

// wordsRecord is no JSON: a sink that expects some fails.
func wordsRecord() *kgo.Record { return &kgo.Record{Topic: "words", Value: []byte("no json")} }

// unknownClass is a connector in the config topic whose class no worker has.
func unknownClass(group string) *kgo.Record {
	return &kgo.Record{
		Topic: group + "-configs", Key: []byte("connector-alien"),
		Value: []byte(`{"properties":{"connector.class":"com.example.Nope","name":"alien","tasks.max":"1"}}`),
	}
}

func get(path string) exchange       { return exchange{method: "GET", path: path} }
func del(path string) exchange       { return exchange{method: "DELETE", path: path} }
func put(path, body string) exchange { return exchange{method: "PUT", path: path, body: body} }
func post(path, body string) exchange {
	return exchange{method: "POST", path: path, body: body}
}

// refused is a request that is answered with a conflict for good.
func refused(x exchange) exchange {
	x.refused = true
	return x
}

// await waits until the connector's status holds these states.
func await(name, states string) exchange {
	return exchange{method: "GET", path: "/connectors/" + name + "/status", await: states}
}

// again waits until the states are these and stay so for a moment, as they may have been before a restart.
func again(name, states string) exchange {
	x := await(name, states)
	x.steady = 10
	return x
}

// until waits for a text in an answer.
func until(path, text string) exchange { return exchange{method: "GET", path: path, until: text} }

func newConnector(name, config string) exchange {
	return post("/connectors", fmt.Sprintf(`{"name":%q,"config":%s}`, name, config))
}

func sourceConf(more ...string) string {
	return conf(append([]string{"connector.class", "FileStreamSource", "tasks.max", "1", "file", "{dir}/missing", "topic", "lines"}, more...)...)
}

// sinkConf gives each sink a consumer group of its own: groups of several members take their time.
func sinkConf(more ...string) string {
	return conf(append([]string{
		"connector.class", fileSink, "tasks.max", "1", "file", "{dir}/out", "topics", "none-yet",
		"consumer.override.group.id", "{own}",
	}, more...)...)
}

func mirrorConf(more ...string) string {
	return conf(append([]string{
		"connector.class", "MirrorSource", "tasks.max", "2", "source.cluster.alias", "a", "target.cluster.alias", "b",
		"source.cluster.bootstrap.servers", "{bootstrap}", "target.cluster.bootstrap.servers", "{bootstrap}", "topics", "words",
		"replication.factor", "1", "emit.offset-syncs.enabled", "false",
		"sync.topic.acls.enabled", "false", "header.converter", "org.apache.kafka.connect.converters.ByteArrayConverter",
		"key.converter", "org.apache.kafka.connect.converters.ByteArrayConverter",
		"value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter",
	}, more...)...)
}

// Most connectors are sinks, as Java's file sources take a second to stop.

// aloneLists are asked of a worker that is alone in its group: those within a stage at the same time, as each has connectors of
// its own.
func aloneLists() [][]requestList {
	return [][]requestList{
		{
			{"worker", workerRequests()},
			{"plugins", pluginRequests()},
			{"validate", validateRequests()},
			{"loggers", loggerRequests()},
			{"bodies", bodyRequests()},
			{"media", mediaRequests()},
		},
		{{"create", createRequests()}},
		{
			{"lifecycle", slices.Concat(configRequests(), stateRequests(), taskRequests())},
			{"failed", failedRequests()},
			{"names", nameRequests()},
			{"offsets", offsetRequests()},
			{"patch", patchRequests()},
			{"methods", methodRequests()},
			{"flags", flagRequests()},
		},
		{{"delete", deleteRequests()}},
	}
}

func workerRequests() []exchange {
	return []exchange{
		get("/"), until("/health", `"healthy"`), get("/nothing"), until("/connectors/;", "alien"), get("/connectors#x"), get("/connectors/#x"),
		{method: "OPTIONS", path: "/connectors"},
		{method: "HEAD", path: "/connectors"},
		await("alien", "FAILED"), get("/connectors/alien"), get("/connectors/alien/config"), get("/connectors/alien/tasks"), get("/connectors/alien/offsets"),
		get("/connectors?expand=status&expand=info"), put("/connectors/alien/pause", ""), await("alien", "FAILED"),
		put("/connectors/alien/resume", ""),
		post("/connectors/alien/restart", ""), post("/connectors/alien/restart?includeTasks=true", ""), post("/connectors/alien/tasks/0/restart", ""),
		put("/connectors/alien/config", conf("connector.class", "com.example.Nope")),
		del("/connectors/alien"), until("/connectors/alien/status", "No status"), get("/connectors"), get("/connectors?expand=status"),
	}
}

func pluginRequests() []exchange {
	list := []exchange{
		get("/connector-plugins"), get("/connector-plugins/"), get("/connector-plugins?connectorsOnly=false"),
		get("/connector-plugins?connectorsOnly=true"), get("/connector-plugins?connectorsOnly=bad"),
		get("/connector-plugins?connectorsOnly="), get("/connector-plugins?connectorsOnly"), get("/connector-plugins?connectorsOnly=TRUE"),
		get("/connector-plugins/Nope/config"), get("/connector-plugins/FileStreamSourceConnector/config"),
		get("/connector-plugins/FileStreamSource/config?version=4.3.1"), get("/connector-plugins/FileStreamSource/config?version=1.0.0"),
		get("/connector-plugins/FileStreamSource/config?version="), get("/connector-plugins/FileStreamSource/config?version=x"),
		get("/connector-plugins/file%20source/config"), get("/connector-plugins/%E2%98%83/config"), get("/connector-plugins/a%2Fb/config"),
	}
	for _, p := range []string{
		"FileStreamSource", "FileStreamSink", "MirrorSource", fileSource, mirror, "JsonConverter", jsonType, "StringConverter",
		"org.apache.kafka.connect.converters.ByteArrayConverter", "org.apache.kafka.connect.converters.LongConverter",
		"SimpleHeaderConverter",
	} {
		list = append(list, get("/connector-plugins/"+p+"/config"))
	}
	return list
}

func validateRequests() []exchange {
	v := func(plugin, config string) exchange {
		return put("/connector-plugins/"+plugin+"/config/validate", config)
	}
	none := func(class string) string { return conf("connector.class", class) }
	return []exchange{
		v("FileStreamSource", sourceConf("name", "v")), v(fileSource, sourceConf("name", "v")), v("FileStreamSource", none("FileStreamSource")),
		v("FileStreamSource", none(fileSource)),
		v("FileStreamSource", sourceConf("name", "v", "tasks.max", "x", "batch.size", "0", "errors.tolerance", "some", "unknown.key", "1")),
		v("FileStreamSource", sourceConf("name", "v", "tasks.max", "0", "topic", "", "key.converter", "nope", "value.converter", "JsonConverter")),
		v("FileStreamSource", sourceConf("name", "v", "transforms", "a,b", "transforms.a.type", "Nope", "predicates", "p")),
		v("FileStreamSource", sourceConf("name", "v", "key.converter", jsonType, "key.converter.schemas.enable", "maybe")),
		v("FileStreamSource", sourceConf("name", "v", "topic.creation.groups", "g", "topic.creation.default.partitions", "0")),
		v("FileStreamSource", sourceConf("name", "v", "topic.creation.default.partitions", "1", "topic.creation.default.replication.factor", "1",
			"topic.creation.groups", "g", "topic.creation.g.include", "x.*", "topic.creation.g.partitions", "2")),
		v("FileStreamSource", sourceConf("name", "v", "producer.override.acks", "x")),
		v("FileStreamSource", sourceConf("name", "v", "producer.override.linger.ms", "10", "producer.override.acks", "1")),
		v("FileStreamSource", sourceConf("name", "v", "offsets.storage.topic", "own", "exactly.once.support", "required", "transaction.boundary", "nope")),
		v("FileStreamSource", sourceConf("name", "v", "config.action.reload", "x", "errors.retry.timeout", "x", "errors.log.enable", "x")),
		v("FileStreamSource", sourceConf("name", "v", "tasks.max.enforce", "false", "errors.retry.delay.max.ms", "5")),
		v("FileStreamSource", sourceConf("name", "")), v("FileStreamSource", "{}"), v("FileStreamSource", `{"connector.class":null}`),
		v("FileStreamSource", conf("connector.class", "FileStreamSource", "topics", "getPlugins")),
		v("FileStreamSource", `{"connector.class":"FileStreamSource","topic":null,"tasks.max":1,"name":"v"}`),
		v("FileStreamSource", none("FileStreamSink")), v("Nope", none("Nope")), v("Nope", "{}"), v("FileStreamSource", "[]"), v("FileStreamSource", ""),
		v("FileStreamSource", conf("name", "v", "file", "x")),

		v("FileStreamSink", sinkConf("name", "v")), v("FileStreamSink", none("FileStreamSink")),
		v("FileStreamSink", sinkConf("name", "v", "topics.regex", "x.*")), v("FileStreamSink", sinkConf("name", "v", "topics", "")),
		v("FileStreamSink", sinkConf("name", "v", "topics", "a, b ,c", "errors.deadletterqueue.topic.name", "dlq")),
		v("FileStreamSink", sinkConf("name", "v", "errors.deadletterqueue.topic.name", "none-yet", "errors.deadletterqueue.topic.replication.factor", "x")),
		v("FileStreamSink", conf("connector.class", "FileStreamSink", "name", "v", "topics.regex", "(")),
		v("FileStreamSink", sinkConf("name", "v", "consumer.override.max.poll.records", "x")),
		v("FileStreamSink", sinkConf("name", "v", "consumer.override.max.poll.records", "5", "consumer.override.fetch.min.bytes", "-1")),
		v("FileStreamSink", conf("connector.class", "FileStreamSink", "topics", "getPlugins")),

		v("MirrorSource", mirrorConf("name", "v")), v("MirrorSource", none("MirrorSource")), v(mirror, none(mirror)),
		v("MirrorSource", conf("connector.class", "MirrorSource", "topics", "getPlugins")),
		v("MirrorSource", mirrorConf("name", "v", "replication.factor", "x", "refresh.topics.interval.seconds", "x", "offset.lag.max", "-1")),
		v("MirrorSource", mirrorConf("name", "v", "consumer.poll.timeout.ms", "-1", "sync.topic.configs.enabled", "x", "offset-syncs.topic.location", "moon")),
		v("MirrorSource", mirrorConf("name", "v", "replication.policy.class", "com.example.Nope", "topic.filter.class", "x")),
		v("MirrorSource", mirrorConf("name", "v", "source.cluster.security.protocol", "NOPE", "security.protocol", "NOPE")),
		v("MirrorSource", mirrorConf("name", "v", "exactly.once.support", "required", "metrics.num.samples", "0", "retry.backoff.ms", "-5")),
		v("MirrorSource", mirrorConf("name", "v", "transforms", "t", "transforms.t.type", "org.apache.kafka.connect.transforms.RegexRouter",
			"transforms.t.regex", "(", "transforms.t.replacement", "y")),
	}
}

func createRequests() []exchange {
	return []exchange{
		newConnector("s1", sourceConf()),
		newConnector("s1", sourceConf()),
		newConnector("s1", sourceConf("tasks.max", "x")),
		newConnector("s1", conf("file", "x")),
		newConnector("bad", "{}"),
		newConnector("bad", conf("connector.class", "com.example.Nope")),
		newConnector("bad", conf("connector.class", " FileStreamSource")),
		newConnector("bad", conf("connector.class", "")),
		newConnector("bad", conf("connector.class", "FileStreamSource")),
		newConnector("bad", sourceConf("tasks.max", "0", "batch.size", "x")),
		newConnector("bad", sinkConf("topics", "")),
		newConnector("bad", sinkConf("topics.regex", "x")),
		newConnector("bad", sinkConf("consumer.override.max.poll.records", "x")),
		newConnector("bad", sourceConf("name", "other")),
		newConnector("bad", sourceConf("key.converter", "nope")),
		newConnector("bad", sourceConf("transforms", "t")),
		newConnector("", sourceConf()),
		newConnector("  ", sourceConf()),
		post("/connectors", fmt.Sprintf(`{"config":%s}`, sourceConf("name", "inside"))),
		post("/connectors", fmt.Sprintf(`{"config":%s}`, sourceConf())),
		post("/connectors", `{"name":"bad"}`), post("/connectors", `{`), post("/connectors", ""), post("/connectors", "[]"),
		post("/connectors", `{"name":"bad","config":{},"more":1}`),
		post("/connectors", `{"name":"bad","config":{"connector.class":{}}}`),
		post("/connectors", `{"name":"bad","config":{"connector.class":"FileStreamSource"},"initial_state":"ASLEEP"}`),
		newConnector(" trimmed ", sourceConf("connector.class", fileSource)),
		post("/connectors", fmt.Sprintf(`{"name":"p1","config":%s,"initial_state":"PAUSED"}`, sourceConf("connector.class", "FileStreamSourceConnector"))),
		post("/connectors", fmt.Sprintf(`{"name":"st1","config":%s,"initial_state":"stopped"}`, sourceConf())),
		post("/connectors", fmt.Sprintf(`{"name":"r1","config":%s,"initial_state":"RUNNING"}`, sourceConf())),
		newConnector("k1", sinkConf()),
		newConnector("m1", mirrorConf()),
		await("s1", "RUNNING RUNNING"), await("trimmed", "RUNNING RUNNING"), await("p1", "PAUSED"), await("st1", "STOPPED"),
		await("r1", "RUNNING RUNNING"), await("k1", "RUNNING RUNNING"), await("m1", "RUNNING RUNNING"),
		del("/connectors/trimmed"), del("/connectors/r1"),
		until("/connectors?expand=info", `"m1"`), get("/connectors"), get("/connectors/"),
		get("/connectors?expand=status"), get("/connectors?expand=info"), get("/connectors?expand=status&expand=info"), get("/connectors?expand=bad"),
		get("/connectors?expand"), get("/connectors?expand=info&expand=status"),
		get("/connectors/s1"), get("/connectors/s1/"), get("/connectors/p1"), get("/connectors/st1"), get("/connectors/k1"), get("/connectors/m1"),
		get("/connectors/nope"), get("/connectors/S1"),
	}
}

func configRequests() []exchange {
	return []exchange{
		get("/connectors/s1/config"), get("/connectors/nope/config"),
		put("/connectors/s1/config", sourceConf()), await("s1", "RUNNING RUNNING"),
		put("/connectors/s1/config", sourceConf("name", "s1", "batch.size", "7")), await("s1", "RUNNING RUNNING"),
		until("/connectors/s1/tasks", `"7"`), get("/connectors/s1/config"), get("/connectors/s1"),
		put("/connectors/s1/config", sourceConf("name", "s2")), put("/connectors/s1/config", sourceConf("tasks.max", "-1")),
		put("/connectors/s1/config", "{}"), put("/connectors/s1/config", ""), put("/connectors/s1/config", "[1]"), put("/connectors/s1/config", "null"),
		put("/connectors/s1/config", `{"connector.class":null}`), put("/connectors/s1/config", `{"connector.class":"FileStreamSource","topic":"lines","more":null}`),
		put("/connectors/s1/config", conf("connector.class", "com.example.Nope")), put("/connectors/s1/config", sinkConf()),
		put("/connectors/k1/config", sinkConf("topics", "none-yet,more")), await("k1", "RUNNING RUNNING"), get("/connectors/k1/config"),
		put("/connectors/new1/config", sourceConf()), await("new1", "RUNNING RUNNING"), del("/connectors/new1"),
		put("/connectors/st1/config", sourceConf("batch.size", "9")), await("st1", "STOPPED"), get("/connectors/st1/tasks"),
		put("/connectors/p1/config", sourceConf("batch.size", "9")), await("p1", "PAUSED"), get("/connectors/p1/tasks"),
	}
}

func stateRequests() []exchange {
	return []exchange{
		put("/connectors/k1/pause", ""), await("k1", "PAUSED PAUSED"), put("/connectors/k1/pause", ""), get("/connectors/k1"),
		post("/connectors/k1/restart", ""), again("k1", "PAUSED PAUSED"), post("/connectors/k1/tasks/0/restart", ""), again("k1", "PAUSED PAUSED"),
		put("/connectors/k1/resume", ""), await("k1", "RUNNING RUNNING"), put("/connectors/k1/resume", ""), await("k1", "RUNNING RUNNING"),
		put("/connectors/k1/stop", ""), await("k1", "STOPPED"), put("/connectors/k1/stop", ""), get("/connectors/k1/tasks"), get("/connectors/k1"),
		get("/connectors/k1/tasks/0/status"),
		refused(post("/connectors/k1/tasks/0/restart", "")), post("/connectors/k1/restart", ""), post("/connectors/k1/restart?includeTasks=true", ""),
		again("k1", "STOPPED"),
		put("/connectors/k1/pause", ""), await("k1", "PAUSED"), get("/connectors/k1/tasks"),
		put("/connectors/k1/resume", ""), await("k1", "RUNNING RUNNING"), get("/connectors/k1/tasks"),
		put("/connectors/s1/stop", ""), await("s1", "STOPPED"), put("/connectors/s1/resume", ""), await("s1", "RUNNING RUNNING"),
		put("/connectors/m1/pause", ""), await("m1", "PAUSED PAUSED"), put("/connectors/m1/resume", ""), await("m1", "RUNNING RUNNING"),
		put("/connectors/nope/pause", ""), put("/connectors/nope/resume", ""), put("/connectors/nope/stop", ""),
		get("/connectors/k1/pause"), post("/connectors/k1/pause", ""),
		get("/connectors/nope/status"), post("/connectors/nope/restart", ""), post("/connectors/nope/restart?includeTasks=true", ""),
		post("/connectors/nope/restart?onlyFailed=true", ""),
		post("/connectors/k1/restart", ""), again("k1", "RUNNING RUNNING"),
		post("/connectors/k1/restart?includeTasks=false&onlyFailed=false", ""), again("k1", "RUNNING RUNNING"),
		post("/connectors/k1/restart?includeTasks=true", ""), again("k1", "RUNNING RUNNING"),
		post("/connectors/k1/restart?onlyFailed=true", ""), again("k1", "RUNNING RUNNING"),
		post("/connectors/k1/restart?includeTasks=true&onlyFailed=true", ""), again("k1", "RUNNING RUNNING"),
		post("/connectors/k1/restart?includeTasks=x&onlyFailed=", ""), again("k1", "RUNNING RUNNING"),
		post("/connectors/k1/restart?includeTasks", ""), again("k1", "RUNNING RUNNING"),
		post("/connectors/p1/restart?includeTasks=true", ""), again("p1", "PAUSED"),
	}
}

func taskRequests() []exchange {
	return []exchange{
		get("/connectors/k1/tasks"), get("/connectors/s1/tasks"), get("/connectors/m1/tasks"), get("/connectors/nope/tasks"),
		get("/connectors/k1/tasks/0"), get("/connectors/k1/tasks/0/config"), get("/connectors/k1/tasks-config"),
		get("/connectors/k1/tasks/0/status"), get("/connectors/s1/tasks/0/status"), get("/connectors/k1/tasks/1/status"),
		get("/connectors/k1/tasks/-1/status"), get("/connectors/k1/tasks/x/status"), get("/connectors/k1/tasks/2147483648/status"),
		get("/connectors/nope/tasks/0/status"),
		post("/connectors/k1/tasks/0/restart", ""), again("k1", "RUNNING RUNNING"), post("/connectors/s1/tasks/0/restart", ""),
		again("s1", "RUNNING RUNNING"), post("/connectors/k1/tasks/7/restart", ""), post("/connectors/k1/tasks/-1/restart", ""),
		post("/connectors/k1/tasks/x/restart", ""), post("/connectors/k1/tasks/2147483648/restart", ""), post("/connectors/nope/tasks/0/restart", ""),
		post("/connectors/k1/tasks", "[]"), post("/connectors/k1/tasks", ""), put("/connectors/k1/fence", ""), post("/connectors/nope/tasks", "[]"),
		until("/connectors/m1/topics", "words"),
		get("/connectors/k1/topics"), get("/connectors/nope/topics"), put("/connectors/m1/topics/reset", ""), put("/connectors/nope/topics/reset", ""),
		{method: "GET", path: "/connectors/m1/topics", until: `[]`},
	}
}

func failedRequests() []exchange {
	noBrokers := conf("connector.class", "MirrorSource", "source.cluster.alias", "a", "target.cluster.alias", "b")
	return []exchange{
		// A connector that cannot start.
		newConnector("m2", noBrokers), await("m2", "FAILED"), get("/connectors/m2"), get("/connectors/m2/tasks"),
		post("/connectors/m2/restart", ""), again("m2", "FAILED"), post("/connectors/m2/restart?onlyFailed=true", ""), again("m2", "FAILED"),
		post("/connectors/m2/restart?includeTasks=true&onlyFailed=true", ""), again("m2", "FAILED"), post("/connectors/m2/tasks/0/restart", ""),
		put("/connectors/m2/pause", ""), put("/connectors/m2/stop", ""), await("m2", "STOPPED"),
		put("/connectors/m2/resume", ""), await("m2", "FAILED"), put("/connectors/m2/config", mirrorConf()), await("m2", "RUNNING RUNNING"),
		put("/connectors/m2/config", noBrokers), await("m2", "FAILED RUNNING"), get("/connectors/m2/tasks"), del("/connectors/m2"),
		// A task that cannot start.
		newConnector("k2", sinkConf("file", "{dir}/no/such/folder/out")), await("k2", "RUNNING FAILED"), get("/connectors/k2/tasks/0/status"),
		post("/connectors/k2/tasks/0/restart", ""), again("k2", "RUNNING FAILED"), post("/connectors/k2/restart", ""), again("k2", "RUNNING FAILED"),
		post("/connectors/k2/restart?onlyFailed=true", ""), again("k2", "RUNNING FAILED"),
		post("/connectors/k2/restart?onlyFailed=true&includeTasks=true", ""), again("k2", "RUNNING FAILED"),
		post("/connectors/k2/restart?includeTasks=true", ""), again("k2", "RUNNING FAILED"),
		put("/connectors/k2/pause", ""), await("k2", "PAUSED FAILED"), put("/connectors/k2/resume", ""), await("k2", "RUNNING FAILED"),
		put("/connectors/k2/stop", ""), await("k2", "STOPPED"), put("/connectors/k2/resume", ""), await("k2", "RUNNING FAILED"), del("/connectors/k2"),
		// A task that fails on a record.
		newConnector("k3", sinkConf("topics", "words", "consumer.override.auto.offset.reset", "earliest")),
		await("k3", "RUNNING FAILED"), get("/connectors/k3/topics"), post("/connectors/k3/tasks/0/restart", ""), again("k3", "RUNNING FAILED"),
		put("/connectors/k3/config", sinkConf("topics", "words", "errors.tolerance", "all",
			"consumer.override.auto.offset.reset", "earliest")),
		await("k3", "RUNNING RUNNING"), del("/connectors/k3"),
		newConnector("k4", sinkConf("errors.deadletterqueue.topic.name", "dead", "errors.deadletterqueue.topic.replication.factor", "1",
			"errors.tolerance", "all")), del("/connectors/k4"),
	}
}

func nameRequests() []exchange {
	var list []exchange
	for _, n := range [][2]string{
		{"a->b", "a-%3Eb"},
		{"naïve ☃+?#", "na%C3%AFve%20%E2%98%83+%3F%23"},
		{`"!$&'()*,;=:@`, "%22!$&'()*,%3B=:@"},
		{"~.-_[]|^`", "~.-_%5B%5D%7C%5E%60"},
		{"😀 שלום\u202e", "%F0%9F%98%80%20%D7%A9%D7%9C%D7%95%D7%9D%E2%80%AE"},
	} {
		name, path := n[0], n[1]
		list = append(list, newConnector(name, sinkConf()), await(path, "RUNNING RUNNING"), get("/connectors/"+path),
			get("/connectors/"+path+"/topics"), post("/connectors/"+path+"/tasks/0/restart", ""), post("/connectors/"+path+"/tasks/5/restart", ""),
			put("/connectors/"+path+"/config", sinkConf("errors.log.enable", "true")), del("/connectors/"+path), get("/connectors/"+path))
	}
	list = append(list, newConnector("a/b", sinkConf()), newConnector("50%", sinkConf()), newConnector(`back\slash`, sinkConf()),
		newConnector("line\nbreak", sinkConf()), newConnector("..", sinkConf()), newConnector("a{}b", sinkConf()),
		until("/connectors/..", `"task":0`))
	for _, path := range []string{
		"a%2Fb", "a/b", "50%25", "back%5Cslash", "line%0Abreak", "..", "%2E%2E", "a|b", "a;x=y", "a%00b", "%FF", "/", "s1//status", "a->b", "\"x\"",
		"a%01b", "a%09b", "a%7Fb", "a%", "a%4", "a%zz", "a%C0%AF", "a%ED%A0%80", "é", "a+b", "a%20b/", "%20", ".", "a/../s1",
	} {
		list = append(list, get("/connectors/"+path))
	}
	return append(list, put("/connectors/%20pad%20/config", sinkConf()), await("%20pad%20", "RUNNING RUNNING"), get("/connectors/%20pad%20"), get("/connectors/pad"),
		del("/connectors/%20pad%20"), get("/connectors/st1;x=y/config;z"))
}

func loggerRequests() []exchange {
	const name = "/admin/loggers/org.apache.kafka.connect.side"
	return []exchange{
		get(name), put(name, `{"level":"DEBUG"}`), get(name), put(name, `{"level":"debug"}`), put(name+"?scope=worker", `{"level":"WARN"}`),
		put(name+"?scope=cluster", `{"level":"ERROR"}`), put(name+"?scope=CLUSTER", `{"level":"ERROR"}`), put(name+"?scope=moon", `{"level":"INFO"}`),
		put(name, `{"level":"loud"}`), put(name, `{}`), put(name, `{"level":null}`), put(name, `{"level":1}`), put(name, ""), put(name, "[]"),
		put(name+"?scope=cluster", `{"level":"loud"}`), put(name+"?scope=cluster", "{}"), get("/admin/loggers/no.such.logger"), get("/admin/loggers"),
		get("/admin/loggers/root"), get("/admin"), del(name),
	}
}

func deleteRequests() []exchange {
	return []exchange{
		del("/connectors/nope"), del("/connectors/st1"), del("/connectors/st1"), get("/connectors/st1"), until("/connectors/st1/status", "No status"),
		get("/connectors/st1/tasks"), del("/connectors/p1"), del("/connectors/m1"), del("/connectors/m1/config"), del("/connectors"),
		until("/connectors/m1/tasks/0/status", "No status"),
		newConnector("p1", sourceConf()), await("p1", "RUNNING RUNNING"), del("/connectors/p1"),
	}
}

// followerList is asked of a worker that another one leads, so that writes are forwarded.
func followerList() requestList {
	return requestList{"follower", slices.Concat(followerRequests(), followerFlags(), followerOffsets())}
}

func followerRequests() []exchange {
	return []exchange{
		get("/"), until("/health", `"healthy"`), newConnector("f1", sinkConf()), await("f1", "RUNNING RUNNING"),
		newConnector("f->1", sourceConf()), newConnector("f->1", sourceConf()), newConnector("bad", sourceConf("tasks.max", "x")),
		newConnector("bad", conf("connector.class", "Nope")), post("/connectors", `{`), newConnector("bad", sourceConf("name", "x")),
		await("f-%3E1", "RUNNING RUNNING"), get("/connectors/f-%3E1"), get("/connectors/f-%3E1/tasks"), get("/connectors/f-%3E1/tasks/0/status"),
		put("/connectors/f-%3E1/config", sourceConf("batch.size", "5")), until("/connectors/f-%3E1/tasks", `"5"`), await("f-%3E1", "RUNNING RUNNING"),
		put("/connectors/f2/config", sinkConf()), await("f2", "RUNNING RUNNING"), put("/connectors/f2/config", sourceConf("name", "x")),
		put("/connectors/f2/config", sinkConf("topics", "")),
		put("/connectors/f2/pause", ""), await("f2", "PAUSED PAUSED"), put("/connectors/f2/resume", ""), await("f2", "RUNNING RUNNING"),
		put("/connectors/f2/stop", ""), await("f2", "STOPPED"), refused(post("/connectors/f2/tasks/0/restart", "")), post("/connectors/f2/restart", ""),
		again("f2", "STOPPED"), put("/connectors/f2/resume", ""), await("f2", "RUNNING RUNNING"),
		post("/connectors/f1/restart", ""), again("f1", "RUNNING RUNNING"), post("/connectors/f2/restart", ""), again("f2", "RUNNING RUNNING"),
		post("/connectors/f1/tasks/0/restart", ""), again("f1", "RUNNING RUNNING"), post("/connectors/f2/tasks/0/restart", ""),
		again("f2", "RUNNING RUNNING"),
		post("/connectors/f2/restart?includeTasks=true", ""), again("f2", "RUNNING RUNNING"),
		post("/connectors/f2/restart?includeTasks=true&onlyFailed=true", ""), again("f2", "RUNNING RUNNING"),
		post("/connectors/nope/restart", ""), post("/connectors/nope/restart?includeTasks=true", ""), post("/connectors/nope/tasks/0/restart", ""),
		post("/connectors/f1/tasks/7/restart", ""), put("/connectors/nope/pause", ""), put("/connectors/nope/stop", ""), del("/connectors/nope"),
		put("/connectors/f1/topics/reset", ""), put("/admin/loggers/a.b?scope=cluster", `{"level":"INFO"}`),
		newConnector("k2", sinkConf("file", "{dir}/no/such/folder/out")), await("k2", "RUNNING FAILED"), post("/connectors/k2/tasks/0/restart", ""),
		again("k2", "RUNNING FAILED"), post("/connectors/k2/restart?includeTasks=true&onlyFailed=true", ""), again("k2", "RUNNING FAILED"),
		post("/connectors/f1/tasks", "[]"), put("/connectors/f1/fence", ""),
		get("/connectors/f1/config?forward=false"), refused(put("/connectors/f1/config?forward=false", sourceConf())), refused(del("/connectors/f1?forward=false")),
		del("/connectors/k2"), del("/connectors/f1"), del("/connectors/f2"), del("/connectors/f2"), del("/connectors/f-%3E1"), until("/connectors/f-%3E1", "not found"),
	}
}

// conf is a connector config as JSON, of pairs.
func conf(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	data, _ := encode(m) // strings always encode
	return string(data)
}
