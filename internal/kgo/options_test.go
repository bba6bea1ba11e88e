package kgoclient

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/internal/clientconf"
)

// TestFranzGoAcceptsWhateverJavaAllows makes clients from values at the edges of Java's ranges; franz-go checks its own.
func TestFranzGoAcceptsWhateverJavaAllows(t *testing.T) {
	edges := []string{"0", "1", "2147483647"}
	byRole := map[clientconf.Role][]string{
		clientconf.Producer: {
			"batch.size", "buffer.memory", "linger.ms", "max.request.size", "max.block.ms", "retries", "request.timeout.ms", "metadata.max.age.ms",
			"connections.max.idle.ms", "retry.backoff.ms", "send.buffer.bytes", "socket.connection.setup.timeout.ms", "transaction.timeout.ms",
			"max.in.flight.requests.per.connection", "acks",
		},
		clientconf.Consumer: {
			"fetch.max.bytes", "fetch.min.bytes", "fetch.max.wait.ms", "max.partition.fetch.bytes", "auto.commit.interval.ms",
			"max.poll.interval.ms", "session.timeout.ms", "heartbeat.interval.ms",
		},
		clientconf.Admin: {"retries", "connections.max.idle.ms"},
	}
	for role, names := range byRole {
		for _, name := range names {
			for _, value := range edges {
				props := map[string]string{"bootstrap.servers": "127.0.0.1:1", "group.id": "g", name: value}
				s, err := clientconf.Translate(role, props, nil)
				if err != nil {
					continue // Java refuses it too
				}
				opts, err := Options(s, hclog.NewNullLogger())
				if err != nil {
					t.Fatal(err)
				}
				client, err := kgo.NewClient(append(opts, GroupOptions(s)...)...)
				if err != nil {
					t.Errorf("%v %s=%s: %v", role, name, value, err)
					continue
				}
				client.Close()
			}
		}
	}
}

func TestOptionsCarryTheSettings(t *testing.T) {
	client := newClient(t, clientconf.Producer, map[string]string{
		"bootstrap.servers": "127.0.0.1:1", "client.id": "me", "enable.idempotence": "false", "acks": "1", "linger.ms": "7",
		"max.in.flight.requests.per.connection": "3", "max.request.size": "5000",
	})
	for name, want := range map[string]any{
		"ClientID": "me", "ProducerLinger": 7 * time.Millisecond, "MaxProduceRequestsInflightPerBroker": 3, "ProducerBatchMaxBytes": int32(5000),
		"DisableIdempotentWrite": true,
	} {
		if got := client.OptValue(name); !equalOpt(got, want) {
			t.Errorf("%s = %v (%T), want %v", name, got, got, want)
		}
	}
}

func equalOpt(got, want any) bool {
	if p, ok := got.(*string); ok && p != nil {
		return *p == want
	}
	return got == want
}

func TestBackoffGrowsToItsMost(t *testing.T) {
	b := backoff(100*time.Millisecond, time.Second)
	for tries, want := range map[int]time.Duration{1: 100, 2: 200, 3: 400, 4: 800, 5: 1000, 5000: 1000} {
		want *= time.Millisecond
		if got := b(tries); got < want*8/10 || got > want*12/10 {
			t.Errorf("try %d waits %v, want about %v", tries, got, want)
		}
	}
}

func TestLoggerLevels(t *testing.T) {
	var out bytes.Buffer
	log := hclog.New(&hclog.LoggerOptions{Output: &out, Level: hclog.Info})
	l := Logger(log)
	if l.Level() != kgo.LogLevelInfo {
		t.Error(l.Level())
	}
	l.Log(kgo.LogLevelInfo, "chatter")
	l.Log(kgo.LogLevelWarn, "beware", "broker", 1)
	if got := out.String(); strings.Contains(got, "chatter") || !strings.Contains(got, "beware: broker=1") {
		t.Error(got)
	}
	log.SetLevel(hclog.Off)
	if l.Level() != kgo.LogLevelNone {
		t.Error(l.Level())
	}
}
