package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/storage/configlog"
	"github.com/connectd/connectd/worker/group"
	"github.com/connectd/connectd/worker/proto"
)

// elsewhere is the worker that statuses name: the member that has the work.
const elsewhere = "127.0.0.1:9"

// writeConnectors fills the config and status topics of a group as if so many connectors ran there, one task each.
func writeConnectors(b *testing.B, bootstrap, groupID string, connectors int) {
	cl := client(b, bootstrap, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	admin := kadm.NewClient(cl)
	compact := "compact"
	for topic, partitions := range map[string]int32{groupID + "-configs": 1, groupID + "-status": 5} {
		resp, err := admin.CreateTopic(b.Context(), partitions, 1, map[string]*string{"cleanup.policy": &compact}, topic)
		if err != nil || resp.Err != nil {
			b.Fatal(err, resp.Err)
		}
	}
	var records []*kgo.Record
	add := func(topic string, kvs ...configlog.KV) {
		for _, kv := range kvs {
			records = append(records, &kgo.Record{Topic: groupID + topic, Key: kv.Key, Value: kv.Value})
		}
	}
	running := cluster.Status{State: cluster.Running, WorkerID: elsewhere, Generation: 1, Version: "4.3.1"}
	for i := range connectors {
		name := fmt.Sprintf("orders-source-%05d", i)
		conf := fileSource(name, i)
		add("-configs", configlog.Target(name, cluster.TargetStarted), configlog.Connector(name, conf))
		task := map[string]string{"task.class": "org.apache.kafka.connect.file.FileStreamSourceTask"}
		for k, v := range conf {
			task[k] = v
		}
		add("-configs", configlog.Tasks(name, []map[string]string{task})...)
		add("-status", configlog.ConnectorStatus(name, running), configlog.TaskStatus(cluster.TaskID{Connector: name}, running))
	}
	if err := cl.ProduceSync(b.Context(), records...).FirstErr(); err != nil {
		b.Fatal(err)
	}
}

// fileSource is a config of common size: 15 keys.
func fileSource(name string, i int) map[string]string {
	return map[string]string{
		"name": name, "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1",
		"file": fmt.Sprintf("/var/lib/orders/incoming/%05d.txt", i), "topic": fmt.Sprintf("orders.region-%02d.v1", i%50), "batch.size": "2000",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable": "false", "errors.tolerance": "none", "errors.log.enable": "true",
		"errors.log.include.messages": "false", "producer.override.compression.type": "lz4", "producer.override.linger.ms": "20",
		"producer.override.batch.size": "131072",
	}
}

// keepWork joins a group before its worker does, as its leader, and has that worker run nothing: all work stays, as far as the
// group knows, with this member. It leaves when the benchmark ends.
func keepWork(b *testing.B, bootstrap, groupID string) {
	member, err := group.New(group.Config{
		Client: client(b, bootstrap, group.ClientOptions()...), GroupID: groupID,
		SessionTimeout: time.Minute, RebalanceTimeout: time.Minute, HeartbeatInterval: 3 * time.Second,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	joined, done := make(chan struct{}), make(chan struct{})
	go func() { _ = member.Run(ctx) }() // ends with ctx only
	go func() {
		defer close(done)
		var first sync.Once
		for ev := range member.Events() {
			if err := lead(member, ev); err != nil {
				b.Errorf("the member that leads %s: %v", groupID, err)
			}
			if _, is := ev.(group.Assigned); is {
				first.Do(func() { close(joined) })
			}
		}
	}()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	if err := join(member, group.NoGeneration); err != nil {
		b.Fatal(err)
	}
	select {
	case <-joined:
	case <-b.Context().Done():
		b.Fatal("no group came about")
	}
}

// lead answers a report of the group's.
func lead(m *group.Member, ev group.Event) error {
	switch ev := ev.(type) {
	case group.Joined:
		return assignNothing(m, ev)
	case group.RebalanceNeeded:
		return join(m, ev.Generation)
	case group.Lost:
		return ev.Err
	case group.Failed:
		return ev.Err
	}
	return nil
}

func join(m *group.Member, completed int32) error {
	offers, err := proto.Offers(proto.Compatible, proto.Metadata{URL: "http://" + elsewhere + "/", ConfigOffset: -1})
	if err == nil {
		m.Join(completed, offers, "a stand-in leads")
	}
	return err
}

// assignNothing gives nobody anything new, as of the newest configs that a member has read.
func assignNothing(m *group.Member, ev group.Joined) error {
	if !ev.Leader {
		return fmt.Errorf("%s leads, not the stand-in", ev.LeaderID)
	}
	p, err := proto.FromWire(ev.Protocol)
	if err != nil {
		return err
	}
	a := proto.Assignment{Leader: ev.MemberID, LeaderURL: "http://" + elsewhere + "/", ConfigOffset: -1}
	for _, data := range ev.Members {
		member, err := proto.DecodeMetadata(data)
		if err != nil {
			return err
		}
		a.ConfigOffset = max(a.ConfigOffset, member.ConfigOffset)
	}
	data, err := proto.EncodeAssignment(p, &a)
	if err != nil {
		return err
	}
	all := map[string][]byte{}
	for id := range ev.Members {
		all[id] = data
	}
	m.Sync(ev.Generation, all)
	return nil
}
