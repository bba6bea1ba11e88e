package main

import (
	"context"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func props() map[string]string {
	return map[string]string{propCounters: "a,b,c", propTopic: "numbers", propInterval: "1"}
}

// TestContract has the suite drive the connector as a worker would.
func TestContract(t *testing.T) {
	connecttest.Source(t, connecttest.SourceCase{
		Plugin: plugin(), Props: props(), Records: 9,
		Produce: func(testing.TB) {}, // there is always a next number
	})
}

func TestItGoesOnAfterTheStoredOffset(t *testing.T) {
	store := &connecttest.Offsets{}
	store.Set(partition("a"), connect.Entries{{Key: fieldCount, Value: 41}})
	ctx, cancel := context.WithTimeout(t.Context(), connecttest.Timeout)
	defer cancel()
	counting := plugin().NewSourceTask()
	if err := counting.Start(ctx, connecttest.NewSourceTaskContext(t, store), props()); err != nil {
		t.Fatal(err)
	}
	records, err := counting.Poll(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 3 || records[0].Value != int64(42) || records[1].Value != int64(1) {
		t.Errorf("it does not go on at 42 for a, and begin at 1 for b and c: %v", records)
	}
	if err := counting.Stop(); err != nil {
		t.Error(err)
	}
}

func TestWrongProperties(t *testing.T) {
	for property, value := range map[string]string{propCounters: "", propTopic: "", propInterval: "0"} {
		wrong := props()
		wrong[property] = value
		if err := plugin().New().Start(t.Context(), connecttest.NewConnectorContext(t), wrong); err == nil {
			t.Errorf("it starts with %s=%q", property, value)
		}
	}
}
