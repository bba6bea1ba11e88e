package mirror

import (
	"maps"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// sharedClientKeys are the properties that source.cluster. and target.cluster. hand to every kind of client; others
// need the prefix of their kind.
var sharedClientKeys = func() map[string]bool {
	keys := map[string]bool{"bootstrap.servers": true, "security.protocol": true}
	for _, k := range append(config.ClientSSLKeys(), config.ClientSASLKeys()...) {
		keys[k.Name] = true
	}
	return keys
}()

const offsetReset = "auto.offset.reset"

// clientProps gives the Java properties of a client: those of side.cluster. that all clients share, then kind., then
// side.kind. (side is "source" or "target", kind "consumer" or "admin").
func (l *link) clientProps(side, kind, role string) map[string]string {
	out := map[string]string{}
	for k, v := range config.WithPrefix(l.props, side+".cluster.") {
		if sharedClientKeys[k] {
			out[k] = v
		}
	}
	for _, prefix := range []string{kind + ".", side + "." + kind + "."} {
		maps.Copy(out, config.WithPrefix(l.props, prefix))
	}
	if kind == "consumer" {
		delete(out, strings.TrimPrefix(propPollTimeout, "consumer.")) // the connector's own
		out["enable.auto.commit"] = "false"
		if _, given := out[offsetReset]; !given {
			out[offsetReset] = "earliest"
		}
	}
	if kind == "producer" {
		// producer.override. is the worker's, for the producer of the copies.
		maps.DeleteFunc(out, func(k, _ string) bool { return strings.HasPrefix(k, "override.") })
	}
	id := l.source + "->" + l.target + "|" + l.name + "|" + role
	if given := out["client.id"]; given != "" {
		id = given + "|" + id
	}
	out["client.id"] = id
	return out
}

// offsetReset is auto.offset.reset as it is given for the source's consumer, in lower case; empty for not given.
func (l *link) offsetReset() string {
	for _, prefix := range []string{"source.consumer.", "consumer."} {
		if v, given := l.props[prefix+offsetReset]; given {
			return strings.ToLower(strings.TrimSpace(v))
		}
	}
	return ""
}
