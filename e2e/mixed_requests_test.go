package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/testkit"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sessionKeys reads the group's config topic: every session key so far, oldest first.
func sessionKeys(t *testing.T, m *mixed) [][]byte {
	t.Helper()
	cl := kafkaClient(t, m.bootstrap, kgo.ConsumeTopics(m.group+"-configs"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var keys [][]byte
	read := int64(0)
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		end, err := ends(ctx, cl, m.group+"-configs")
		for err == nil && read < end {
			fetches := cl.PollFetches(ctx)
			err = fetches.Err0()
			fetches.EachRecord(func(r *kgo.Record) {
				read = r.Offset + 1
				var v struct {
					Key string `json:"key"`
				}
				if string(r.Key) != "session-key" || json.Unmarshal(r.Value, &v) != nil {
					return
				}
				if key, err := base64.StdEncoding.DecodeString(v.Key); err == nil {
					keys = append(keys, key)
				}
			})
		}
		return err
	})
	return keys
}

// signed are the headers of a request between workers.
func signed(newHash func() hash.Hash, algorithm string, key []byte, body string) []string {
	mac := hmac.New(newHash, key)
	mac.Write([]byte(body))
	return []string{
		"X-Connect-Authorization", base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		"X-Connect-Request-Signature-Algorithm", algorithm,
	}
}

// internalRequest is a request between workers that changes nothing.
type internalRequest struct {
	name, method, path, body string
	headers                  []string
}

// internalRequests are right and wrong in every way, towards a connector that exists and one that does not.
func internalRequests(exists string, key, stale []byte) []internalRequest {
	const tasks = `[{"a":"b"}]`
	at := func(name, method, path, body string, headers ...string) internalRequest {
		return internalRequest{name, method, "/connectors/" + path, body, headers}
	}
	wrong := []string{"X-Connect-Authorization", "bm9uc2Vuc2U=", "X-Connect-Request-Signature-Algorithm", "HmacSHA256"}
	var all []internalRequest
	for _, r := range []internalRequest{
		at("tasks", http.MethodPost, exists+"/tasks", tasks),
		at("tasks of unknown", http.MethodPost, "unknown/tasks", tasks),
		at("fence", http.MethodPut, exists+"/fence", ""),
		at("fence of unknown", http.MethodPut, "unknown/fence", ""),
	} {
		with := func(how string, headers ...string) {
			all = append(all, internalRequest{r.name + ", " + how, r.method, r.path, r.body, headers})
		}
		with("unsigned")
		with("no algorithm", wrong[:2]...)
		with("no signature", wrong[2:]...)
		with("wrong signature", wrong...)
		with("stale key", signed(sha256.New, "HmacSHA256", stale, r.body)...)
		with("another body", signed(sha256.New, "HmacSHA256", key, r.body+" ")...)
		with("unsupported algorithm", signed(sha1.New, "HmacSHA1", key, r.body)...)
		with("algorithm in other case", signed(sha256.New, "hmacsha256", key, r.body)...)
		with("unknown algorithm", signed(sha256.New, "HmacNone", key, r.body)...)
		with("broken base64", "X-Connect-Authorization", "%%%", wrong[2], wrong[3])
	}
	return append(all,
		at("signed tasks of unknown", http.MethodPost, "unknown/tasks", tasks, signed(sha256.New, "HmacSHA256", key, tasks)...),
		at("signed tasks that are no list", http.MethodPost, exists+"/tasks", `{}`, signed(sha256.New, "HmacSHA256", key, `{}`)...),
		at("signed tasks that are no JSON", http.MethodPost, exists+"/tasks", `[`, signed(sha256.New, "HmacSHA256", key, `[`)...),
		at("signed fence of unknown", http.MethodPut, "unknown/fence", "", signed(sha256.New, "HmacSHA256", key, "")...),
	)
}

// internalAnswers are what a leader and a follower said to requests between workers.
type internalAnswers struct{ leader, follower map[string]reply }

// internalAnswers asks both workers of a group. Under a protocol that signs nothing, requests that would be carried out are left
// out; a follower is not asked what it would pass on, since a Java worker passes it on without its signature.
func (f *files) internalAnswers(t *testing.T, protocol string, leader, follower *peer) internalAnswers {
	t.Helper()
	key := []byte("no key at all")
	if protocol == "sessioned" {
		keys := sessionKeys(t, f.m)
		key = keys[len(keys)-1]
	}
	out := internalAnswers{map[string]reply{}, map[string]reply{}}
	ask := func(p *peer, r internalRequest, answers map[string]reply) {
		testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
			a, err := f.m.send(ctx, r.method, p.url+r.path, r.body, r.headers...)
			if err == nil && a.status == http.StatusConflict {
				err = fmt.Errorf("%s: %v", r.name, a) // a rebalance
			}
			answers[r.name] = a
			return err
		})
	}
	for _, r := range internalRequests(f.path(f.sink, "")[len("/connectors/"):], key, []byte("a key of long ago")) {
		if protocol != "sessioned" && !strings.Contains(r.path, "unknown") {
			continue
		}
		ask(leader, r, out.leader)
		if protocol == "sessioned" && !strings.HasPrefix(r.name, "signed") {
			ask(follower, r, out.follower)
		}
	}
	f.acceptsTasks(t, protocol, key, leader)
	return out
}

// acceptsTasks hands the leader the task configs that there are, as the connector's owner would.
func (f *files) acceptsTasks(t *testing.T, protocol string, key []byte, leader *peer) {
	t.Helper()
	var tasks []struct {
		Config map[string]string `json:"config"`
	}
	f.m.await(t, leader, f.path(f.sink, "/tasks"), &tasks)
	configs := []map[string]string{}
	for _, task := range tasks {
		configs = append(configs, task.Config)
	}
	body, err := json.Marshal(configs)
	if err != nil {
		t.Fatal(err)
	}
	var headers []string
	if protocol == "sessioned" {
		headers = signed(sha256.New, "HmacSHA256", key, string(body))
	}
	testkit.Eventually(t, time.Minute, func(ctx context.Context) error {
		a, err := f.m.send(ctx, http.MethodPost, leader.url+f.path(f.sink, "/tasks"), string(body), headers...)
		if err == nil && a.status != http.StatusNoContent {
			err = fmt.Errorf("task configs handed to the leader: %v", a)
		}
		return err
	})
}

// sameRefusals compares what Java's workers and ours say to the same requests.
func sameRefusals(t *testing.T, java, ours internalAnswers) {
	t.Helper()
	compare := func(who string, java, ours map[string]reply) {
		for _, name := range slices.Sorted(maps.Keys(java)) {
			if a, b := java[name].String(), ours[name].String(); a != b {
				t.Errorf("%s, asked for %s, answers\n%s\nand Java's\n%s", who, name, b, a)
			}
		}
	}
	compare("our leader", java.leader, ours.leader)
	compare("our follower", java.follower, ours.follower)
}
