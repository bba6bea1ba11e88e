package mirror

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/internal/client"
)

// Actions of a plan.
const (
	planCreate    = "create-topic"
	planGrow      = "add-partitions"
	planAlter     = "alter-topic"
	planACL       = "add-acl"
	planCopy      = "copy"
	planRefuse    = "leave-out"
	planTranslate = "translate-group"
)

// PlanItem is one thing that a link would do when it starts.
type PlanItem struct {
	Action string `json:"action"`
	// Cluster is the alias of the cluster where it would be done.
	Cluster string `json:"cluster,omitempty"`
	Topic   string `json:"topic,omitempty"`
	// Source is the topic of the source that is copied.
	Source string `json:"source,omitempty"`
	// Partitions is how many there would be, Before how many there are.
	Partitions int32 `json:"partitions,omitempty"`
	Before     int32 `json:"partitions_before,omitempty"`
	// Replication is a new topic's replication factor, -1 for the brokers' default.
	Replication int16 `json:"replication_factor,omitempty"`
	// Set and Delete are settings of the topic.
	Set    map[string]string `json:"set,omitempty"`
	Delete []string          `json:"delete,omitempty"`
	ACL    string            `json:"acl,omitempty"`
	Group  string            `json:"group,omitempty"`
	// Commits tells that the group's positions would be committed on the target, not only told in checkpoints.
	Commits bool   `json:"commits,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// String is the item as a line.
func (i PlanItem) String() string {
	at := i.Topic + " on " + i.Cluster
	switch i.Action {
	case planCreate:
		factor := fmt.Sprint(i.Replication)
		if i.Replication < 0 {
			factor = "the brokers' default"
		}
		return fmt.Sprintf("create topic %s: %s, replication factor %s%s", at, plural(int(i.Partitions), "partition"), factor, i.settings(", "))
	case planGrow:
		return fmt.Sprintf("add partitions to topic %s: %d instead of %d", at, i.Partitions, i.Before)
	case planAlter:
		return "alter topic " + at + ": " + i.settings("")
	case planACL:
		return "add ACL on " + i.Cluster + ": " + i.ACL
	case planCopy:
		return fmt.Sprintf("copy topic %s to %s: %s", i.Source, at, plural(int(i.Partitions), "partition"))
	case planTranslate:
		what := "translate the positions of group " + i.Group
		if i.Commits {
			what += ", and commit them on " + i.Cluster
		}
		return what
	}
	return i.Reason
}

func (i PlanItem) settings(before string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(i.Set)) {
		parts = append(parts, name+"="+i.Set[name])
	}
	for _, name := range slices.Sorted(slices.Values(i.Delete)) {
		parts = append(parts, name+" back to its default")
	}
	if len(parts) == 0 {
		return ""
	}
	return before + strings.Join(parts, ", ")
}

func aclText(a client.ACL) string {
	allow, kind := "deny", "literal"
	if a.Allow {
		allow = "allow"
	}
	if a.Prefixed {
		kind = "prefixed"
	}
	return fmt.Sprintf("%s %s of %s from host %s on %s topic %s", allow, a.Operation, a.Principal, a.Host, kind, a.Topic)
}
