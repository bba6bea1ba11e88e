package mirror

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/internal/client"
)

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes(t)
		f.target.refuse["heartbeats"] = client.ErrReplication
		c := &heartbeatConnector{clients: f}
		if err := c.Start(t.Context(), connecttest.NewConnectorContext(t), props(propHeartbeatsRF, "3", "enabled", "false")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.target.edit(func() { delete(f.target.refuse, "heartbeats") })
		time.Sleep(retryMost)
		f.target.holdsCompacted(t, client.Topic{Name: "heartbeats", Partitions: 1, Replication: 3})
		configs, err := c.TaskConfigs(t.Context(), 5)
		if err != nil || len(configs) != 1 {
			t.Fatal(configs, err)
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		beats(t, configs[0])
	})
}

// beats runs a task with that config.
func beats(t *testing.T, config map[string]string) {
	config["emit.heartbeats.interval.seconds"] = "2"
	tk := &heartbeatTask{}
	if err := tk.Start(t.Context(), connecttest.NewSourceTaskContext(t, &connecttest.Offsets{}), config); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	recs, err := tk.Poll(t.Context())
	if err != nil || len(recs) != 1 || time.Since(begun) != 2*time.Second {
		t.Fatal(recs, err, time.Since(begun))
	}
	r := recs[0]
	if got := hex.EncodeToString(r.Key.([]byte)); got != "000153000154" {
		t.Error(got)
	}
	if got := hex.EncodeToString(r.Value.([]byte)); got != fmt.Sprintf("0000%016x", time.Now().UnixMilli()) {
		t.Error(got)
	}
	r.Key, r.Value = nil, nil
	want := connect.SourceRecord{
		SourcePartition: connect.Entries{{Key: "sourceClusterAlias", Value: "S"}, {Key: "targetClusterAlias", Value: "T"}},
		SourceOffset:    connect.Entries{{Key: "offset", Value: int64(0)}},
		Topic:           "heartbeats", KeySchema: connect.BytesSchema, ValueSchema: connect.BytesSchema, Timestamp: time.Now(),
	}
	if d := cmp.Diff(want, r, cmp.AllowUnexported(connect.Schema{})); d != "" {
		t.Error(d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := tk.Poll(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := tk.Stop(); err != nil {
		t.Error(err)
	}
	if recs, err := tk.Poll(t.Context()); len(recs) > 0 || err != nil {
		t.Error(recs, err)
	}
}

func TestHeartbeatsThatAreOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &heartbeatConnector{clients: newFakes(t)}
		if err := c.Start(t.Context(), connecttest.NewConnectorContext(t), props("emit.heartbeats.enabled", "false")); err != nil {
			t.Fatal(err)
		}
		if configs, err := c.TaskConfigs(t.Context(), 1); len(configs) > 0 || err != nil {
			t.Error(configs, err)
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
}
