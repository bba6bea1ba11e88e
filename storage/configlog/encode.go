package configlog

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/jackson"
)

// Connector encodes a connector's config. Keys are written in order, so equal configs give equal bytes.
func Connector(name string, config map[string]string) KV {
	return KV{Key: []byte(prefixConnector + name), Value: properties(config)}
}

// RemoveConnector gives the two tombstones of a deletion. Task and commit records stay behind, as Java leaves them.
func RemoveConnector(name string) []KV {
	return []KV{{Key: []byte(prefixConnector + name)}, {Key: []byte(prefixTarget + name)}}
}

// Tasks encodes a connector's task configs; the last record is the commit that makes them count.
func Tasks(name string, configs []map[string]string) []KV {
	out := make([]KV, 0, len(configs)+1)
	for i, c := range configs {
		out = append(out, KV{Key: []byte(prefixTask + name + "-" + strconv.Itoa(i)), Value: properties(c)})
	}
	return append(out, KV{Key: []byte(prefixCommit + name), Value: []byte(`{"tasks":` + strconv.Itoa(len(configs)) + `}`)})
}

func properties(config map[string]string) []byte {
	b := append([]byte(nil), `{"properties":{`...)
	for i, k := range slices.Sorted(maps.Keys(config)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(jackson.AppendString(b, k), ':')
		b = jackson.AppendString(b, config[k])
	}
	return append(b, "}}"...)
}

// Target encodes a target state. Workers that do not know STOPPED (before KIP-875) read PAUSED.
func Target(name string, state cluster.TargetState) KV {
	old := state
	if state == cluster.TargetStopped {
		old = cluster.TargetPaused
	}
	b := jackson.AppendString([]byte(`{"state":`), string(old))
	b = jackson.AppendString(append(b, `,"state.v2":`...), string(state))
	return KV{Key: []byte(prefixTarget + name), Value: append(b, '}')}
}

// SessionKey encodes the key that signs requests between workers (KIP-507).
func SessionKey(k cluster.SessionKey) KV {
	b := jackson.AppendString([]byte(`{"key":`), base64.StdEncoding.EncodeToString(k.Key))
	b = jackson.AppendString(append(b, `,"algorithm":`...), k.Algorithm)
	b = strconv.AppendInt(append(b, `,"creation-timestamp":`...), k.CreatedMs, 10)
	return KV{Key: []byte(keySession), Value: append(b, '}')}
}

// RestartRequest encodes a request to restart a connector and, if asked, its tasks (KIP-745).
func RestartRequest(r Restart) KV {
	b := strconv.AppendBool([]byte(`{"include-tasks":`), r.IncludeTasks)
	b = strconv.AppendBool(append(b, `,"only-failed":`...), r.OnlyFailed)
	return KV{Key: []byte(prefixRestart + r.Connector), Value: append(b, '}')}
}

// Logger encodes a level for all workers (KIP-976).
func Logger(l LoggerLevel) KV {
	return KV{Key: []byte(prefixLogger + l.Logger), Value: append(jackson.AppendString([]byte(`{"level":`), l.Level), '}')}
}

// TaskCount encodes the number of tasks that may be running, written before exactly-once tasks start (KIP-618).
func TaskCount(name string, tasks int) KV {
	return KV{Key: []byte(prefixTaskCount + name), Value: []byte(`{"task-count":` + strconv.Itoa(tasks) + `}`)}
}
