package e2e

import (
	"slices"
	"strings"
)

// ofType makes a request with a Content-Type, "none" for none, and accepting one with an Accept header.
func ofType(media string, x exchange) exchange {
	x.media = media
	return x
}

func accepting(accept string, x exchange) exchange {
	x.accept = accept
	return x
}

// mediaRequests are about media types; none of them changes anything. curl sends forms unless it is told otherwise.
func mediaRequests() (list []exchange) {
	const validate = "/connector-plugins/FileStreamSink/config/validate"
	none := conf("connector.class", "com.example.Nope")
	for _, media := range []string{
		"text/plain", "application/x-www-form-urlencoded", "none", "application/json; charset=utf-8", "application/json;charset=ISO-8859-1",
		"APPLICATION/JSON", "application/*", "*/*", "application/xml", "application/vnd.kafka.v2+json", "text/json", "garbage", "application/json; x",
	} {
		list = append(list, ofType(media, newConnector("bad", none)), ofType(media, put("/connectors/bad/config", none)),
			ofType(media, put(validate, conf("connector.class", "FileStreamSink", "name", "v", "topics", "x"))))
	}
	for _, media := range []string{"text/plain", "none"} {
		list = append(list, ofType(media, put("/admin/loggers/x", `{"level":"loud"}`)), ofType(media, patch("/connectors/nope/config", "{}")),
			ofType(media, patch("/connectors/nope/offsets", newOffset("{}", "{}"))), ofType(media, post("/connectors/nope/tasks", "[]")),
			ofType(media, put("/connectors/nope/fence", "")), ofType(media, put("/connectors/nope/pause", "x")))
	}
	for _, path := range []string{"/", "/health", "/connectors/nope", "/connector-plugins", "/admin/loggers/no.such"} {
		list = append(list, ofType("text/plain", get(path)))
	}
	list = append(list, ofType("text/plain", del("/connectors/nope")), ofType("text/plain", post("/connectors/nope/restart", "")))
	for _, accept := range []string{
		"text/plain", "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json", "application/json, text/plain",
		"application/*", "*/*", "application/json;q=0.1", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.kafka.v2+json", "text/*",
		"application/yaml",
	} {
		list = append(list, accepting(accept, get("/health")))
	}
	for _, x := range []exchange{
		get("/"), get("/connectors/nope"), del("/connectors/nope"), post("/connectors", "{}"), put("/connectors/nope/pause", ""), get("/nothing"),
		put(validate, "{}"), get("/admin/loggers/no.such"), post("/connectors/nope/tasks", "[]"),
		{method: "OPTIONS", path: "/connectors/nope"},
	} {
		list = append(list, accepting("text/plain", x))
	}
	return list
}

// bodyRequests send what is no JSON, or JSON of another shape, wherever a body is read.
func bodyRequests() (list []exchange) {
	deep := strings.Repeat("[", 1001) + strings.Repeat("]", 1001)
	for _, body := range []string{
		"{", "}", "[", "null", "true", "1", `"x"`, "[]", `["x"]`, "{} x", "{}{}", "  ", "\xef\xbb\xbf{}", "{'a':'b'}", `{"a":"b",}`, `{"a" "b"}`, `{a:1}`,
		`{"a":NaN}`, `{"a":01}`, `{"a":"\x01"}`, `{"a":"\q"}`, "{\"a\":\"line\nbreak\"}", "// note\n{}", `{"a":{"b":1}}`, `{"a":[1]}`, `{"":"x"}`, deep,
	} {
		list = append(list, post("/connectors", body), put("/connectors/nope/config", body), patch("/connectors/nope/config", body),
			put("/connector-plugins/FileStreamSink/config/validate", body), patch("/connectors/nope/offsets", body),
			put("/admin/loggers/no.such", body), post("/connectors/nope/tasks", body))
	}
	for _, body := range []string{
		`{"name":"a","name":"","config":{}}`, `{"name":1,"config":{}}`, `{"name":null,"config":{}}`, `{"name":["x"],"config":{}}`, `{"name":"x","config":[]}`,
		`{"name":"x","config":null}`, `{"name":"x","config":"y"}`, `{"Name":"x","config":{}}`, `{"name":"x","config":{},"initial_state":null}`,
		`{"name":"x","config":{},"initial_state":1}`, `{"name":"x","config":{},"initial_state":""}`, `{"name":"x","config":{},"initialState":"PAUSED"}`,
	} {
		list = append(list, post("/connectors", body))
	}
	return list
}

// methodRequests ask every path with every method that it does not have.
func methodRequests() []exchange {
	list := []exchange{stopped("h1", sinkConf()), await("h1", "STOPPED")}
	all := []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	for _, p := range []struct{ path, has string }{
		{"/", "GET"},
		{"/health", "GET"},
		{"/connectors", "GET POST"},
		{"/connectors/", "GET POST"},
		{"/connectors/h1", "GET DELETE"},
		{"/connectors/h1/config", "GET PUT PATCH"},
		{"/connectors/h1/status", "GET"},
		{"/connectors/h1/tasks", "GET POST"},
		{"/connectors/h1/tasks/0/status", "GET"},
		{"/connectors/h1/tasks/0/restart", "POST"},
		{"/connectors/h1/restart", "POST"},
		{"/connectors/h1/pause", "PUT"},
		{"/connectors/h1/resume", "PUT"},
		{"/connectors/h1/stop", "PUT"},
		{"/connectors/h1/fence", "PUT"},
		{"/connectors/h1/offsets", "GET PATCH DELETE"},
		{"/connectors/h1/topics", "GET"},
		{"/connectors/h1/topics/reset", "PUT"},
		{"/connector-plugins", "GET"},
		{"/connector-plugins/FileStreamSink/config", "GET"},
		{"/connector-plugins/FileStreamSink/config/validate", "PUT"},
		{"/admin/loggers", "GET"},
		{"/admin/loggers/root", "GET PUT"},
	} {
		has := strings.Fields(p.has)
		list = append(list, exchange{method: "OPTIONS", path: p.path}, exchange{method: "HEAD", path: p.path})
		for _, m := range all {
			if !slices.Contains(has, m) {
				list = append(list, exchange{method: m, path: p.path})
			}
		}
	}
	return append(list, exchange{method: "OPTIONS", path: "/nothing"}, exchange{method: "HEAD", path: "/nothing"}, post("/nothing", "{}"),
		exchange{method: "HEAD", path: "/connectors/nope"}, exchange{method: "OPTIONS", path: "/connectors/nope"},
		exchange{method: "OPTIONS", path: "/connectors/h1/nothing"}, get("/connectors/h1/nothing"), get("/connectors/h1/status/more"),
		exchange{method: "OPTIONS", path: "/admin"}, get("/connector-plugins/FileStreamSink"), del("/connectors/h1"))
}

// patchRequests are KIP-477's.
func patchRequests() []exchange {
	const path = "/connectors/c1/config"
	return []exchange{
		patch(path, `{"topics":"x"}`), newConnector("c1", sinkConf()), await("c1", "RUNNING RUNNING"),
		patch(path, `{"topics":"none-yet,more","errors.log.enable":"true"}`), await("c1", "RUNNING RUNNING"), get(path),
		patch(path, `{"errors.log.enable":null,"never.there":null}`), await("c1", "RUNNING RUNNING"), get(path),
		patch(path, "{}"), await("c1", "RUNNING RUNNING"), get(path),
		patch(path, `{"tasks.max":"x"}`), patch(path, `{"tasks.max":0}`), patch(path, `{"connector.class":null}`), patch(path, `{"topics":""}`),
		patch(path, `{"name":"other"}`), patch(path, `{"name":null}`), await("c1", "RUNNING RUNNING"), get(path), patch(path, `{"tasks.max":1,"errors.log.enable":true}`),
		await("c1", "RUNNING RUNNING"), get(path), patch(path, ""), patch(path, "[]"), patch(path+"?forward=true", `{"file":"{dir}/out"}`),
		await("c1", "RUNNING RUNNING"), put("/connectors/c1/stop", ""), await("c1", "STOPPED"), patch(path, `{"errors.log.enable":"false"}`),
		await("c1", "STOPPED"), get(path), get("/connectors/c1/tasks"), del("/connectors/c1?forward=true"),
		patch("/connectors/nope/config", `{"tasks.max":"1"}`),
	}
}

// flagRequests have the query parameter by which workers pass requests on; whoever leads needs no other worker.
func flagRequests() []exchange {
	return []exchange{
		post("/connectors?forward=false", `{"name":"q1","config":`+sinkConf()+`}`), await("q1", "RUNNING RUNNING"),
		put("/connectors/q1/config?forward=false", sinkConf("errors.log.enable", "true")), await("q1", "RUNNING RUNNING"),
		patch("/connectors/q1/config?forward=false", `{"errors.log.enable":"false"}`), await("q1", "RUNNING RUNNING"),
		put("/connectors/q1/pause?forward=false", ""), await("q1", "PAUSED PAUSED"), put("/connectors/q1/resume?forward=true", ""),
		await("q1", "RUNNING RUNNING"), post("/connectors/q1/restart?forward=false", ""), again("q1", "RUNNING RUNNING"),
		post("/connectors/q1/restart?includeTasks=TRUE&forward=false", ""), again("q1", "RUNNING RUNNING"),
		post("/connectors/q1/tasks/0/restart?forward=x", ""), again("q1", "RUNNING RUNNING"),
		post("/connectors/q1/tasks?forward=true", "[]"), put("/connectors/q1/fence?forward=false", ""),
		patch("/connectors/q1/offsets?forward=false", newOffset("{}", "{}")), put("/connectors/q1/stop?forward", ""), await("q1", "STOPPED"),
		patch("/connectors/q1/offsets?forward=true", newOffset("{}", "{}")), del("/connectors/q1/offsets?forward=false"),
		get("/connectors/q1/status?forward=false&unknown=1"), del("/connectors/q1?forward=false"),
	}
}

// followerFlags forbid passing requests on that only the leader can answer.
func followerFlags() []exchange {
	return []exchange{
		newConnector("f3", sinkConf()), await("f3", "RUNNING RUNNING"),
		refused(post("/connectors?forward=false", `{"name":"f4","config":`+sinkConf()+`}`)),
		refused(put("/connectors/f3/config?forward=false", sinkConf())), refused(patch("/connectors/f3/config?forward=false", "{}")),
		refused(put("/connectors/f3/stop?forward=false", "")), refused(del("/connectors/f3?forward=false")),
		refused(del("/connectors/f3/offsets?forward=false")), refused(post("/connectors/f3/restart?includeTasks=true&forward=false", "")),
		put("/connectors/f3/pause?forward=false", ""), await("f3", "PAUSED PAUSED"), put("/connectors/f3/resume?forward=false", ""),
		await("f3", "RUNNING RUNNING"), put("/connectors/f3/config?forward=true", sinkConf()), await("f3", "RUNNING RUNNING"),
		patch("/connectors/f3/config", `{"errors.log.enable":"true"}`), await("f3", "RUNNING RUNNING"), get("/connectors/f3/config"),
		patch("/connectors/f3/config", `{"tasks.max":"x"}`), patch("/connectors/nope/config", "{}"), patch("/connectors/f3/config", "["),
		get("/connector-plugins"), put("/connector-plugins/FileStreamSink/config/validate", conf("connector.class", "FileStreamSink", "topics", "x")),
		del("/connectors/f3"),
	}
}
