package api

// Connector types, as in the field "type". Clients have closed enums: nothing else may be sent.
const (
	TypeSource  = "source"
	TypeSink    = "sink"
	TypeUnknown = "unknown"
)

// ServerInfo is the answer to GET /.
type ServerInfo struct {
	// Version is that of the Kafka release whose behaviour the worker shows, e.g. "4.3.1": clients parse it.
	Version        string `json:"version"`
	Commit         string `json:"commit"`
	KafkaClusterID string `json:"kafka_cluster_id"`
}

// Values of HealthStatus.Status (KIP-1017).
const (
	Healthy   = "healthy"
	Starting  = "starting"
	Unhealthy = "unhealthy"
)

// HealthStatus is the answer to GET /health (KIP-1017).
type HealthStatus struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// TaskID is a task as the JSON bodies name it.
type TaskID struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

// ConnectorInfo is the answer to GET /connectors/{connector}, and to what creates or changes one.
type ConnectorInfo struct {
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
	Tasks  []TaskID          `json:"tasks"`
	Type   string            `json:"type"`
}

// MarshalJSON writes empty collections where fields are nil, as clients iterate over them.
func (c ConnectorInfo) MarshalJSON() ([]byte, error) {
	type plain ConnectorInfo
	c.Tasks, c.Config = nonNil(c.Tasks), nonNilMap(c.Config)
	return Marshal(plain(c))
}

// ConnectorState is the connector's own part of a ConnectorStatus.
type ConnectorState struct {
	State    string  `json:"state"`
	WorkerID string  `json:"worker_id"`
	Version  Version `json:"version,omitzero"`
	// Trace is the reason of a failure; left out when empty.
	Trace string `json:"trace,omitempty"`
}

// TaskStatus is the answer to GET /connectors/{connector}/tasks/{task}/status, and a part of ConnectorStatus.
type TaskStatus struct {
	ID       int     `json:"id"`
	State    string  `json:"state"`
	WorkerID string  `json:"worker_id"`
	Version  Version `json:"version,omitzero"`
	// Trace is the reason of a failure; left out when empty.
	Trace string `json:"trace,omitempty"`
}

// ConnectorStatus is the answer to GET /connectors/{connector}/status. Tasks are in order of their number.
type ConnectorStatus struct {
	Name      string         `json:"name"`
	Connector ConnectorState `json:"connector"`
	Tasks     []TaskStatus   `json:"tasks"`
	Type      string         `json:"type"`
}

// MarshalJSON writes an empty list of tasks where it is nil.
func (c ConnectorStatus) MarshalJSON() ([]byte, error) {
	type plain ConnectorStatus
	c.Tasks = nonNil(c.Tasks)
	return Marshal(plain(c))
}

// Version is a plugin's version in a status or in the list of plugins: null in JSON while empty, and left out when the
// plugin has none (Undefined).
type Version string

// Undefined is the version under which plugins without one are recorded.
const Undefined Version = "undefined"

// IsZero tells that the field is to be left out.
func (v Version) IsZero() bool { return v == Undefined }

// MarshalJSON writes null for the empty version.
func (v Version) MarshalJSON() ([]byte, error) {
	if v == "" {
		return []byte("null"), nil
	}
	return Marshal(string(v))
}

// TaskInfo is an element of the answer to GET /connectors/{connector}/tasks.
type TaskInfo struct {
	ID     TaskID            `json:"id"`
	Config map[string]string `json:"config"`
}

// ActiveTopics is the answer to GET /connectors/{connector}/topics, in a map with the connector's name as its only key.
type ActiveTopics struct {
	Topics []string `json:"topics"`
}

// MarshalJSON writes an empty list of topics where it is nil.
func (a ActiveTopics) MarshalJSON() ([]byte, error) {
	type plain ActiveTopics
	a.Topics = nonNil(a.Topics)
	return Marshal(plain(a))
}

// LoggerLevel is the answer to GET /admin/loggers/{logger}.
type LoggerLevel struct {
	Level string `json:"level"`
	// LastModified is milliseconds since the epoch, nil when the level was never changed over REST.
	LastModified *int64 `json:"last_modified"`
}

// ErrorBody is the body of every failure.
type ErrorBody struct {
	ErrorCode int    `json:"error_code"`
	Message   string `json:"message"`
}

// CreateConnectorRequest is the body of POST /connectors. Decode one with DecodeCreateConnector.
type CreateConnectorRequest struct {
	Name   string
	Config Config
	// InitialState is "RUNNING", "PAUSED" or "STOPPED", empty when it was not given (KIP-980).
	InitialState string
}

// MarshalJSON writes the request as a Java worker forwards it.
func (r CreateConnectorRequest) MarshalJSON() ([]byte, error) {
	body := struct {
		Name         string  `json:"name"`
		Config       Config  `json:"config"`
		InitialState *string `json:"initial_state"`
	}{Name: r.Name, Config: r.Config}
	if r.InitialState != "" {
		body.InitialState = &r.InitialState
	}
	return Marshal(body)
}
