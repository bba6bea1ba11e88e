package connecttest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

// toy is a source and a sink with faults on request: what a suite finds must fail its test.
type toy struct {
	fault  string
	system *[]string // what the source system holds, or the sink system was given
	calls  int

	tc   connect.SourceTaskContext
	next int
}

func (y *toy) is(fault string) bool { return y.fault == fault }

var toyConfig = config.New(config.Key{Name: "needed", Doc: "A property that must be there."})

func (y *toy) plugin(typ connect.ConnectorType) connect.ConnectorPlugin {
	c := func() *toy { return &toy{fault: y.fault, system: y.system} }
	p := connect.ConnectorPlugin{
		Class: "x.Toy", TaskClass: "x.ToyTask", Version: "1", Type: typ, Config: toyConfig,
		New:           func() connect.Connector { return connectorOf{c()} },
		NewSourceTask: func() connect.SourceTask { return sourceOf{c()} },
		NewSinkTask:   func() connect.SinkTask { return sinkOf{c()} },
	}
	if y.is("no version") {
		p.Version = ""
	}
	return p
}

type connectorOf struct{ *toy }

func (c connectorOf) Start(_ context.Context, _ connect.ConnectorContext, props map[string]string) error {
	if c.is("changes its properties") {
		props["more"] = "x"
	}
	if c.is("starts without properties") {
		return nil
	}
	_, err := toyConfig.Parse(props)
	return err
}

func (c connectorOf) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	c.calls++
	n := 1
	if c.is("too many tasks") {
		n = maxTasks + 1
	}
	conf := map[string]string{}
	if c.is("unsteady configs") {
		conf["call"] = strings.Repeat("x", c.calls)
	}
	return append(make([]map[string]string, n-1), conf), nil
}

func (c connectorOf) Stop() error { return nil }

type sourceOf struct{ *toy }

func (s sourceOf) Start(ctx context.Context, tc connect.SourceTaskContext, _ map[string]string) error {
	s.tc = tc
	if s.is("repeats") {
		return nil
	}
	off, err := tc.Offsets().Offsets(ctx, []connect.Entries{toyPartition})
	if err != nil {
		return err
	}
	n, _ := off[0].Int64("n")
	s.next = int(n)
	return nil
}

var toyPartition = connect.Entries{{Key: "p", Value: int32(0)}}

func (s sourceOf) Poll(ctx context.Context) ([]connect.SourceRecord, error) {
	if s.next >= len(*s.system) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
		return nil, nil
	}
	rec := connect.SourceRecord{
		SourcePartition: toyPartition, Topic: "t", ValueSchema: connect.StringSchema, Value: (*s.system)[s.next], Partition: connect.NoPartition,
	}
	s.next++
	rec.SourceOffset = connect.Entries{{Key: "n", Value: s.next}}
	switch s.fault {
	case "no topic":
		rec.Topic = ""
	case "wrong schema":
		rec.ValueSchema = connect.Int32Schema
	case "offset of a struct":
		rec.SourceOffset[0].Value = struct{}{}
	case "fails":
		return nil, errors.New("out of order")
	}
	return []connect.SourceRecord{rec}, nil
}

func (s sourceOf) Stop() error { return nil }

type sinkOf struct{ *toy }

func (s sinkOf) Start(context.Context, connect.SinkTaskContext, map[string]string) error { return nil }

func (s sinkOf) Put(_ context.Context, recs []connect.SinkRecord) error {
	if s.is("refuses nothing") && len(recs) == 0 {
		return errors.New("nothing to do")
	}
	if !s.is("writes nothing") {
		for _, r := range recs {
			*s.system = append(*s.system, r.Value.(string))
		}
	}
	return nil
}

func (s sinkOf) PreCommit(_ context.Context, offsets map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) {
	if s.is("commits too much") {
		for tp := range offsets {
			offsets[tp]++
		}
	}
	return offsets, nil
}

func (s sinkOf) Stop() error { return nil }

func runSource(t *testing.T, fault string) {
	y := &toy{fault: fault, system: &[]string{}}
	Source(t, SourceCase{
		Plugin: y.plugin(connect.Source), Props: map[string]string{"needed": "x"}, Records: 3,
		Produce: func(testing.TB) { *y.system = append(*y.system, "a", "b", "c") },
	})
}

func runSink(t *testing.T, fault string) {
	y := &toy{fault: fault, system: &[]string{}}
	Sink(t, SinkCase{
		Plugin: y.plugin(connect.Sink), Props: map[string]string{"needed": "x"},
		Records: []connect.SinkRecord{{Topic: "t", Value: "a"}, {Topic: "t", Offset: 1, Value: "b"}},
		Check: func(t testing.TB, n int) {
			if got := strings.Join(*y.system, ""); !strings.Contains(got, "ab"[:n]) {
				t.Errorf("the system holds %q", got)
			}
		},
	})
}

func TestSoundConnectorsPass(t *testing.T) {
	runSource(t, "")
	runSink(t, "")
}

const faultVariable = "CONNECTTEST_FAULT"

// TestFault is run by TestFaultsAreFound in a process of its own, where it must fail.
func TestFault(t *testing.T) {
	kind, fault, ok := strings.Cut(os.Getenv(faultVariable), ":")
	switch {
	case !ok:
		t.Skip("only for TestFaultsAreFound")
	case kind == "source":
		runSource(t, fault)
	default:
		runSink(t, fault)
	}
}

func TestFaultsAreFound(t *testing.T) {
	for fault, want := range map[string]string{
		"source:no version": "needs Class, TaskClass and Version", "source:starts without properties": "starts without the required property",
		"source:changes its properties": "changed the properties", "source:too many tasks": "at most 2 were asked for",
		"source:unsteady configs": "differs between two calls", "source:repeats": "came twice", "source:no topic": `topic ""`,
		"source:wrong schema": "invalid value", "source:offset of a struct": "cannot be stored", "source:fails": "out of order",
		"sink:refuses nothing": "Put of 0 records", "sink:writes nothing": "the system holds", "sink:commits too much": "beyond",
	} {
		t.Run(fault, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFault$", "-test.v")
			cmd.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%v, and %q is not in:\n%s", err, want, out)
			}
		})
	}
}
