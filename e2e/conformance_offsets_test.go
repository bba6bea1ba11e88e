package e2e

import "fmt"

func patch(path, body string) exchange { return exchange{method: "PATCH", path: path, body: body} }

// stopped is a connector that is made STOPPED.
func stopped(name, config string) exchange {
	return post("/connectors", fmt.Sprintf(`{"name":%q,"config":%s,"initial_state":"STOPPED"}`, name, config))
}

// newOffset is a body with one partition.
func newOffset(partition, offset string) string {
	return fmt.Sprintf(`{"offsets":[{"partition":%s,"offset":%s}]}`, partition, offset)
}

// offsetsOf alters a connector's offsets one after the other, and looks at what came of it.
func offsetsOf(name string, bodies ...string) (list []exchange) {
	path := "/connectors/" + name + "/offsets"
	for _, b := range bodies {
		list = append(list, patch(path, b), get(path))
	}
	return list
}

// offsetRequests are about the offsets of a sink that was running, of a file source and of a mirror. One partition at a time has
// an offset: Java lists several in the order of its hashes.
func offsetRequests() []exchange {
	const words, nope = `{"kafka_topic":"words","kafka_partition":0}`, `{"kafka_topic":"nope","kafka_partition":0}`
	const file, mirrored = `{"filename":"{dir}/missing"}`, `{"topic":"words","cluster":"a","partition":0}`
	sink := sinkConf("topics", "words", "key.converter", "org.apache.kafka.connect.storage.StringConverter",
		"value.converter", "org.apache.kafka.connect.storage.StringConverter", "consumer.override.auto.offset.reset", "earliest")
	list := []exchange{
		newConnector("o1", sink), stopped("o2", sourceConf()), stopped("o3", mirrorConf()), await("o1", "RUNNING RUNNING"),
		until("/connectors/o1/topics", "words"), patch("/connectors/o1/offsets", newOffset(words, `{"kafka_offset":0}`)), del("/connectors/o1/offsets"),
		get("/connectors/nope/offsets"), patch("/connectors/nope/offsets", newOffset(words, "null")), del("/connectors/nope/offsets"),
		patch("/connectors/o1/offsets", ""), patch("/connectors/o1/offsets", "{}"), patch("/connectors/o1/offsets", `{"offsets":[{"partition":1}]}`),
		put("/connectors/o1/offsets", ""),
		{method: "OPTIONS", path: "/connectors/o1/offsets"},
		put("/connectors/o1/stop", ""), await("o1", "STOPPED"), until("/connectors/o1/offsets", "kafka_offset"),
		await("o2", "STOPPED"), await("o3", "STOPPED"),
	}
	list = append(list, offsetsOf("o1",
		newOffset(words, `{"kafka_offset":0}`), newOffset(words, `{"kafka_offset":"7"}`), newOffset(words, `{"kafka_offset":-1}`),
		newOffset(words, `{"kafka_offset":1.5}`), newOffset(words, `{}`), newOffset(`{"kafka_topic":"words"}`, "null"), newOffset("null", "null"),
		newOffset(`{"kafka_topic":"words","kafka_partition":5}`, `{"kafka_offset":0}`), newOffset(nope, `{"kafka_offset":0}`), newOffset(nope, "null"),
		newOffset(words, "null"), newOffset(words, `{"kafka_offset":1}`))...)
	list = append(list, del("/connectors/o1/offsets"), get("/connectors/o1/offsets"), del("/connectors/o1/offsets"),
		patch("/connectors/o1/offsets", newOffset(words, "null")))
	list = append(list, get("/connectors/o2/offsets"), del("/connectors/o2/offsets"))
	list = append(list, offsetsOf("o2",
		newOffset(file, `{"position":3}`), newOffset(file, `{"position":"3"}`), newOffset(file, `{"position":-3}`), newOffset(file, `{"line":3}`),
		newOffset("null", `{"position":3}`), newOffset(`{"a":{"b":1}}`, "null"), `{"offsets":[{}]}`, newOffset(file, `{"position":4,"x":[1]}`))...)
	list = append(list, offsetsOf("o3",
		newOffset(mirrored, `{"offset":0}`), newOffset(mirrored, `{"offset":"0"}`), newOffset(mirrored, `{"offset":-1,"zz":1e10,"yy":null}`), newOffset(mirrored, `{}`),
		newOffset(`{"topic":"words","cluster":"a","partition":-1}`, `{"offset":0}`), newOffset(`{"topic":"words","partition":0}`, `{"offset":0}`),
		newOffset(`{"topic":7,"cluster":"a","partition":1.0}`, `{"offset":0}`), newOffset("null", `{"offset":0}`))...)
	// After the reset the mirror begins anew. What it has stored shows once it is stopped, in Java.
	return append(list, del("/connectors/o2/offsets"), get("/connectors/o2/offsets"), put("/connectors/o3/resume", ""), await("o3", "RUNNING RUNNING"),
		get("/connectors/o3/offsets"), del("/connectors/o3/offsets"), put("/connectors/o3/stop", ""), await("o3", "STOPPED"),
		del("/connectors/o3/offsets"), get("/connectors/o3/offsets"), put("/connectors/o3/resume", ""), await("o3", "RUNNING RUNNING"),
		until("/connectors/o3/topics", "a.words"), put("/connectors/o3/stop", ""), await("o3", "STOPPED"), until("/connectors/o3/offsets", `"offset":0`),
		del("/connectors/o1"), del("/connectors/o2"), del("/connectors/o3"))
}

// followerOffsets are asked of a worker that does not lead.
func followerOffsets() []exchange {
	const words = `{"kafka_topic":"words","kafka_partition":0}`
	path := "/connectors/o4/offsets"
	return []exchange{
		stopped("o4", sinkConf("topics", "words")), await("o4", "STOPPED"), get(path), patch(path, newOffset(words, `{"kafka_offset":1}`)), get(path),
		patch(path, newOffset(words, `{"kafka_offset":"x"}`)), patch(path, `{"offsets":[{}]}`), patch(path, `{`), patch(path, "{}"),
		refused(patch(path+"?forward=false", newOffset(words, "null"))), del(path), get(path),
		patch("/connectors/nope/offsets", newOffset(words, "null")), del("/connectors/nope/offsets"), get("/connectors/nope/offsets"),
		put("/connectors/o4/resume", ""), await("o4", "RUNNING RUNNING"), del(path), del("/connectors/o4"),
	}
}
