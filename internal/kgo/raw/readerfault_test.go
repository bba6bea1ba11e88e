package raw

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	kgoclient "github.com/connectd/connectd/internal/kgo"
	"github.com/connectd/connectd/internal/testkit"
)

// onFetch has answer called for each fetch of consumers; nil lets the cluster answer.
func onFetch(e *kgoclient.Embedded, answer func(req *kmsg.FetchRequest, n int64) (*kmsg.FetchResponse, error)) {
	var n atomic.Int64
	e.Cluster().ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		e.Cluster().KeepControl()
		fetch := req.(*kmsg.FetchRequest)
		if fetch.SessionID != 0 && fetch.SessionEpoch == -1 { // a reader that is closed
			return nil, nil, false
		}
		resp, err := answer(fetch, n.Add(1))
		if err != nil {
			return nil, err, true
		}
		if resp == nil {
			return nil, nil, false
		}
		return resp, nil, true
	})
}

// answerTo answers a fetch of one partition with what set says.
func answerTo(req *kmsg.FetchRequest, set func(*kmsg.FetchResponseTopicPartition)) *kmsg.FetchResponse {
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	t := kmsg.NewFetchResponseTopic()
	p := kmsg.NewFetchResponseTopicPartition()
	if len(req.Topics) > 0 {
		t.Topic, t.TopicID = req.Topics[0].Topic, req.Topics[0].TopicID
		p.Partition = req.Topics[0].Partitions[0].Partition
	}
	p.HighWatermark = -1
	set(&p)
	t.Partitions = append(t.Partitions, p)
	resp.Topics = append(resp.Topics, t)
	return resp
}

// readWhileWritten reads a partition to which n records are written meanwhile, and wants each once.
func readWhileWritten(t *testing.T, e *kgoclient.Embedded, r *Reader, n int) {
	t.Helper()
	a0 := connect.TopicPartition{Topic: "a"}
	if err := r.Assign(map[connect.TopicPartition]int64{a0: 0}); err != nil {
		t.Fatal(err)
	}
	var got []int64
	for i := range n {
		produce(t, e.Addrs(), "a", 0, "value")
		got = append(got, collect(t, r, 1)[a0]...)
		if !slices.Equal(got, upTo(i+1)) {
			t.Fatalf("got %v", got)
		}
	}
}

func TestReaderGetsOverTheEndOfItsSession(t *testing.T) {
	testkit.NoLeaks(t)
	for _, code := range []*kerr.Error{kerr.FetchSessionIDNotFound, kerr.InvalidFetchSessionEpoch, kerr.FetchSessionTopicIDError, kerr.UnknownServerError} {
		t.Run(code.Message, func(t *testing.T) {
			e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 1}})
			onFetch(e, func(req *kmsg.FetchRequest, n int64) (*kmsg.FetchResponse, error) {
				if n%3 != 0 {
					return nil, nil
				}
				resp := req.ResponseKind().(*kmsg.FetchResponse)
				resp.ErrorCode = code.Code
				return resp, nil
			})
			r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"fetch.max.wait.ms": "50"})
			readWhileWritten(t, e, r, 6)
			if r.Stats().Sessions < 2 {
				t.Errorf("%+v", r.Stats())
			}
		})
	}
}

func TestReaderGetsOverLostConnections(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 1}})
	onFetch(e, func(_ *kmsg.FetchRequest, n int64) (*kmsg.FetchResponse, error) {
		if n%3 == 0 {
			return nil, errors.New("cut")
		}
		return nil, nil
	})
	r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"fetch.max.wait.ms": "50", "reconnect.backoff.ms": "1", "retry.backoff.ms": "1"})
	readWhileWritten(t, e, r, 6)
}

func TestReaderReadsFromOldBrokersAndWithoutSessions(t *testing.T) {
	testkit.NoLeaks(t)
	for name, v := range map[string]*kversion.Versions{"2.1": kversion.V2_1_0(), "2.4": kversion.V2_4_0(), "2.7": kversion.V2_7_0(), "3.0": kversion.V3_0_0()} {
		t.Run(name, func(t *testing.T) {
			e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 2, Topics: map[string]int32{"a": 1}, Options: []kfake.Opt{kfake.MaxVersions(v)}})
			r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"fetch.max.wait.ms": "50"})
			readWhileWritten(t, e, r, 3)
			if err := e.Cluster().MoveTopicPartition("a", 0, 1-e.Cluster().LeaderFor("a", 0)); err != nil {
				t.Fatal(err)
			}
			produce(t, e.Addrs(), "a", 0, "moved")
			if got := collect(t, r, 1)[connect.TopicPartition{Topic: "a"}]; !slices.Equal(got, []int64{3}) {
				t.Errorf("after a move: %v", got)
			}
		})
	}
	t.Run("sessions", func(t *testing.T) {
		e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 1}})
		onFetch(e, func(req *kmsg.FetchRequest, _ int64) (*kmsg.FetchResponse, error) {
			if req.SessionEpoch > 0 {
				t.Errorf("a fetch for a session that there is none of: %d/%d", req.SessionID, req.SessionEpoch)
			}
			req.SessionID, req.SessionEpoch = 0, -1 // which has the cluster keep none
			return nil, nil
		})
		r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"fetch.max.wait.ms": "50"})
		readWhileWritten(t, e, r, 4)
		if s := r.Stats(); s.Sessions != 0 || s.Full != s.Fetches {
			t.Errorf("%+v", s)
		}
	})
}

func TestReaderReadsFromAReplicaNearby(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Brokers: 2, Topics: map[string]int32{"a": 1}})
	leader := e.Cluster().LeaderFor("a", 0)
	e.Cluster().SetFollowers("a", 0, []int32{1 - leader})
	var near, behind atomic.Int64
	onFetch(e, func(req *kmsg.FetchRequest, n int64) (*kmsg.FetchResponse, error) {
		if req.Rack != "here" {
			t.Errorf("the rack is %q", req.Rack)
		}
		if e.Cluster().CurrentNode() == leader {
			if len(req.Topics) == 0 {
				return nil, nil
			}
			return answerTo(req, func(p *kmsg.FetchResponseTopicPartition) { p.PreferredReadReplica = 1 - leader }), nil
		}
		near.Add(1)
		if behind.Load() == 1 && behind.CompareAndSwap(1, 2) {
			return answerTo(req, func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = kerr.OffsetOutOfRange.Code }), nil
		}
		return nil, nil
	})
	r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"client.rack": "here", "fetch.max.wait.ms": "50", "retry.backoff.ms": "1"})
	readWhileWritten(t, e, r, 2)
	if near.Load() == 0 {
		t.Fatal("the replica nearby was not asked")
	}
	behind.Store(1) // which is no error: the leader is asked where to read
	produce(t, e.Addrs(), "a", 0, "more")
	testkit.Eventually(t, time.Minute, func(context.Context) error {
		if behind.Load() != 2 {
			return errors.New("the replica nearby was not asked again")
		}
		return nil
	})
	produce(t, e.Addrs(), "a", 0, "more")
	if got := collect(t, r, 2); !slices.Equal(got[connect.TopicPartition{Topic: "a"}], []int64{2, 3}) {
		t.Errorf("got %v", got)
	}
}

func TestReaderReportsErrorsOfAPartition(t *testing.T) {
	testkit.NoLeaks(t)
	for name, c := range map[string]struct {
		set  func(*kmsg.FetchResponseTopicPartition)
		want error
		text string
	}{
		"truncated": {func(p *kmsg.FetchResponseTopicPartition) {
			p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = 0, 1
		}, client.ErrTruncated, "was read in leader epoch 0"},
		"unauthorized": {func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = kerr.TopicAuthorizationFailed.Code }, client.ErrUnauthorized, "a-0"},
		"corrupt":      {func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = kerr.CorruptMessage.Code }, client.ErrCorrupt, "a-0"},
	} {
		t.Run(name, func(t *testing.T) {
			e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 1}})
			var wrong atomic.Bool
			onFetch(e, func(req *kmsg.FetchRequest, n int64) (*kmsg.FetchResponse, error) {
				if wrong.Load() && len(req.Topics) > 0 {
					return answerTo(req, c.set), nil
				}
				return nil, nil
			})
			r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"fetch.max.wait.ms": "50"})
			readWhileWritten(t, e, r, 2)
			wrong.Store(true)
			a0 := connect.TopicPartition{Topic: "a"}
			if name != "truncated" { // which needs the epoch of what was read
				if err := r.Seek(a0, 2); err != nil {
					t.Fatal(err)
				}
			} else {
				produce(t, e.Addrs(), "a", 0, "more")
			}
			err := failing(t, r)
			var pe *client.PartitionError
			if !errors.Is(err, c.want) || !errors.As(err, &pe) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
			wrong.Store(false)
			produce(t, e.Addrs(), "a", 0, "goes on")
			if err := r.Seek(a0, 1); err != nil {
				t.Fatal(err)
			}
			if got := collect(t, r, 2); !slices.Equal(got[a0][:2], []int64{1, 2}) {
				t.Errorf("after a seek: %v", got)
			}
		})
	}
}

func TestReaderHeedsThrottling(t *testing.T) {
	testkit.NoLeaks(t)
	e := embedded(t, kgoclient.EmbeddedConfig{Topics: map[string]int32{"a": 1}})
	onFetch(e, func(req *kmsg.FetchRequest, n int64) (*kmsg.FetchResponse, error) {
		if n != 2 {
			return nil, nil
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		resp.SessionID, resp.ThrottleMillis = req.SessionID, 300
		return resp, nil
	})
	r := reader(t, e.Bootstrap(), ReaderOptions{}, map[string]string{"fetch.max.wait.ms": "50"})
	begun := time.Now()
	readWhileWritten(t, e, r, 2)
	for r.Throttled() == 0 {
		if _, err := r.Poll(within(t, time.Minute), 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	produce(t, e.Addrs(), "a", 0, "later")
	collect(t, r, 1)
	if took := time.Since(begun); took < 300*time.Millisecond || r.Throttled() != 300*time.Millisecond {
		t.Errorf("throttled for %v, it took %v", r.Throttled(), took)
	}
}
