package rest

import (
	"net/http"

	"github.com/connectd/connectd/rest/api"
)

// Tags group operations in the clients that are generated.
const (
	workerTag    = "worker"
	connectorTag = "connectors"
	taskTag      = "tasks"
	offsetTag    = "offsets"
	topicTag     = "topics"
	pluginTag    = "plugins"
	adminTag     = "admin"
	internalTag  = "internal"
)

// forwarded is the query parameter of what only one worker can do: clients leave it out.
var forwarded = queryParameter{
	name: forwardParam, kind: "boolean",
	doc: "Set by workers that pass a request on to the leader. Clients leave it out; false refuses to pass the request on.",
}

var (
	rebalancing = "The group rebalances, or this worker knows no leader: try again."
	notFound    = "There is no such connector, task or plugin."
	badConfig   = "The config is invalid; the message lists what is wrong."
)

// operations describes each route, by method and path. A test compares it with the router.
var operations = map[string]operation{
	"GET /": {
		id: "getServerInfo", tag: workerTag, summary: "Version of the worker and id of its Kafka cluster",
		answers: map[int]any{200: api.ServerInfo{}},
	},
	"GET /health": {
		id: "getHealth", tag: workerTag, summary: "Whether the worker has started and answers",
		answers: map[int]any{200: api.HealthStatus{}, 500: api.HealthStatus{}, 503: api.HealthStatus{}},
	},
	"GET " + metricsPath: {
		id: "getMetrics", tag: workerTag, summary: "What was measured on this worker, for Prometheus",
		description: "An addition of connectd. Accept chooses among the formats that Prometheus takes.",
		media:       "text/plain", answers: map[int]any{200: nil},
	},
	"GET " + openAPIPath: {
		id: "getOpenAPI", tag: workerTag, summary: "This document", answers: map[int]any{200: free{}},
	},
	"GET /connectors": {
		id: "listConnectors", tag: connectorTag, summary: "Names of all connectors, or with expand what each of them is",
		query: []queryParameter{{
			name: "expand", kind: "string", enum: []string{"status", "info"}, many: true,
			doc: "Answer with an object of all connectors by name instead of a list of names. May be given twice.",
		}},
		answers: map[int]any{200: oneOf{[]string{}, map[string]expansionDoc{}}},
	},
	"POST /connectors": {
		id: "createConnector", tag: connectorTag, summary: "Create a connector", body: createConnectorDoc{}, location: true,
		query: []queryParameter{forwarded}, answers: map[int]any{201: api.ConnectorInfo{}},
		failures: map[int]string{400: badConfig, 409: "The name is taken, or the group rebalances."},
	},
	"GET /connectors/{connector}": {
		id: "getConnector", tag: connectorTag, summary: "Config, tasks and type of a connector",
		answers: map[int]any{200: api.ConnectorInfo{}}, failures: map[int]string{404: notFound},
	},
	"DELETE /connectors/{connector}": {
		id: "deleteConnector", tag: connectorTag, summary: "Delete a connector; its offsets stay",
		query: []queryParameter{forwarded}, answers: map[int]any{204: nil}, failures: map[int]string{404: notFound, 409: rebalancing},
	},
	"GET /connectors/{connector}/config": {
		id: "getConnectorConfig", tag: connectorTag, summary: "A connector's config",
		answers: map[int]any{200: map[string]string{}}, failures: map[int]string{404: notFound},
	},
	"PUT /connectors/{connector}/config": {
		id: "putConnectorConfig", tag: connectorTag, summary: "Create a connector, or replace its config", body: api.Config{}, location: true,
		query: []queryParameter{forwarded}, answers: map[int]any{200: api.ConnectorInfo{}, 201: api.ConnectorInfo{}},
		failures: map[int]string{400: badConfig, 409: rebalancing},
	},
	"PATCH /connectors/{connector}/config": {
		id: "patchConnectorConfig", tag: connectorTag, summary: "Change some keys of a connector's config; null removes one", body: api.Config{},
		query: []queryParameter{forwarded}, answers: map[int]any{200: api.ConnectorInfo{}},
		failures: map[int]string{400: badConfig, 404: notFound, 409: rebalancing},
	},
	"GET /connectors/{connector}/status": {
		id: "getConnectorStatus", tag: connectorTag, summary: "What a connector and its tasks are doing, and where",
		answers: map[int]any{200: api.ConnectorStatus{}}, failures: map[int]string{404: notFound},
	},
	"PUT /connectors/{connector}/pause":  changeState("pauseConnector", "Pause a connector and its tasks", http.StatusAccepted),
	"PUT /connectors/{connector}/resume": changeState("resumeConnector", "Go on with a connector that is paused or stopped", http.StatusAccepted),
	"PUT /connectors/{connector}/stop":   changeState("stopConnector", "Stop a connector and drop its tasks", http.StatusNoContent),
	"POST /connectors/{connector}/restart": {
		id: "restartConnector", tag: connectorTag, summary: "Restart a connector, and its tasks where asked to",
		query: []queryParameter{
			{name: "includeTasks", kind: "boolean", doc: "Restart its tasks too; false by default."},
			{name: "onlyFailed", kind: "boolean", doc: "Restart only what has failed; false by default."},
			forwarded,
		},
		answers:  map[int]any{202: api.ConnectorStatus{}, 204: nil},
		failures: map[int]string{404: notFound, 409: rebalancing},
	},
	"GET /connectors/{connector}/tasks": {
		id: "listTasks", tag: taskTag, summary: "Ids and configs of a connector's tasks",
		answers: map[int]any{200: []api.TaskInfo{}}, failures: map[int]string{404: notFound},
	},
	"POST /connectors/{connector}/tasks": {
		id: "putTaskConfigs", tag: internalTag, summary: "Between workers: new task configs of a connector",
		body: []map[string]string{}, query: []queryParameter{forwarded}, answers: map[int]any{204: nil},
		failures: map[int]string{400: "The signature is missing or cannot be read.", 403: "The signature is wrong.", 503: "There is no session key yet."},
	},
	"PUT /connectors/{connector}/fence": {
		id: "fenceZombies", tag: internalTag, summary: "Between workers: fence out earlier tasks of an exactly-once source connector",
		query: []queryParameter{forwarded}, answers: map[int]any{204: nil},
		failures: map[int]string{400: "The signature is missing or cannot be read.", 403: "The signature is wrong.", 503: "There is no session key yet."},
	},
	"GET /connectors/{connector}/tasks/{task}/status": {
		id: "getTaskStatus", tag: taskTag, summary: "What a task is doing, and where",
		answers: map[int]any{200: api.TaskStatus{}}, failures: map[int]string{404: notFound},
	},
	"POST /connectors/{connector}/tasks/{task}/restart": {
		id: "restartTask", tag: taskTag, summary: "Restart a task", query: []queryParameter{forwarded}, answers: map[int]any{204: nil},
		failures: map[int]string{404: notFound, 409: rebalancing},
	},
	"GET /connectors/{connector}/offsets": {
		id: "getOffsets", tag: offsetTag, summary: "Offsets of a connector",
		answers: map[int]any{200: connectorOffsetsDoc{}}, failures: map[int]string{404: notFound},
	},
	"PATCH /connectors/{connector}/offsets": {
		id: "alterOffsets", tag: offsetTag, summary: "Change offsets of a stopped connector; a null offset removes one", body: connectorOffsetsDoc{},
		query: []queryParameter{forwarded}, answers: map[int]any{200: messageDoc{}},
		failures: map[int]string{400: "The connector is not stopped, or the offsets are wrong.", 404: notFound, 409: rebalancing},
	},
	"DELETE /connectors/{connector}/offsets": {
		id: "resetOffsets", tag: offsetTag, summary: "Remove all offsets of a stopped connector",
		query: []queryParameter{forwarded}, answers: map[int]any{200: messageDoc{}},
		failures: map[int]string{400: "The connector is not stopped.", 404: notFound, 409: rebalancing},
	},
	"GET /connectors/{connector}/progress": {
		id: "getProgress", tag: taskTag, summary: "How far a source connector's tasks are, by partition of its source",
		description: "An addition of connectd. What a worker of another kind runs is listed as unavailable, with its stored positions.",
		query: []queryParameter{{
			name: forwardParam, kind: "boolean", doc: "False leaves out the tasks of other workers. Set by workers that ask each other.",
		}},
		answers: map[int]any{200: api.ConnectorProgress{}}, failures: map[int]string{404: notFound},
	},
	"GET /connectors/{connector}/topics": {
		id: "getTopics", tag: topicTag, summary: "Topics that a connector has used", description: "The connector's name is the only key.",
		answers: map[int]any{200: map[string]api.ActiveTopics{}}, failures: map[int]string{403: "Topic tracking is disabled."},
	},
	"PUT /connectors/{connector}/topics/reset": {
		id: "resetTopics", tag: topicTag, summary: "Forget which topics a connector has used",
		answers: map[int]any{202: nil}, failures: map[int]string{403: "Topic tracking, or its reset, is disabled."},
	},
	"GET /connector-plugins": {
		id: "listPlugins", tag: pluginTag, summary: "Plugins of this worker",
		query:   []queryParameter{{name: "connectorsOnly", kind: "boolean", doc: "Leave out all but connectors; true by default."}},
		answers: map[int]any{200: []api.PluginInfo{}},
	},
	"GET /connector-plugins/{plugin}/config": {
		id: "getPluginConfig", tag: pluginTag, summary: "Config keys of a plugin",
		query:   []queryParameter{{name: "version", kind: "string", doc: "Refuse to answer if the plugin has another version."}},
		answers: map[int]any{200: []api.ConfigKeyInfo{}}, failures: map[int]string{400: "The plugin has another version.", 404: notFound},
	},
	"PUT /connector-plugins/{plugin}/config/validate": {
		id: "validateConfig", tag: pluginTag, summary: "Check a config without creating a connector", body: api.Config{},
		answers: map[int]any{200: api.ConfigInfos{}}, failures: map[int]string{400: "The class in the config is another plugin."},
	},
	"GET /admin/loggers": {
		id: "listLoggers", tag: adminTag, summary: "Loggers whose level was set, and the root",
		answers: map[int]any{200: map[string]api.LoggerLevel{}},
	},
	"GET /admin/loggers/{logger}": {
		id: "getLogger", tag: adminTag, summary: "Level of a logger", answers: map[int]any{200: api.LoggerLevel{}},
		failures: map[int]string{404: "There is no such logger."},
	},
	"PUT /admin/loggers/{logger}": {
		id: "setLogger", tag: adminTag, summary: "Set the level of a logger and all below it", body: setLevelDoc{},
		query: []queryParameter{{
			name: "scope", kind: "string", enum: []string{"worker", "cluster"}, doc: "This worker only, the default, or all of the group.",
		}},
		answers:  map[int]any{200: []string{}, 204: nil},
		failures: map[int]string{400: "The level is missing.", 404: "There is no such level."},
	},
}

// changeState describes pause, resume and stop.
func changeState(id, summary string, status int) operation {
	return operation{
		id: id, tag: connectorTag, summary: summary, query: []queryParameter{forwarded},
		answers: map[int]any{status: nil}, failures: map[int]string{404: notFound, 409: rebalancing},
	}
}
