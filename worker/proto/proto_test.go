package proto

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/connectd/connectd/internal/cluster"
)

// The bytes were written by Kafka Connect 4.3.1's own ConnectProtocol and IncrementalCooperativeConnectProtocol.
const (
	head83  = "0016687474703a2f2f3132372e302e302e313a383038332f"
	leader  = "00086c65616465722d310016687474703a2f2f3132372e302e302e313a383038342f0000000000000029"
	listed  = "0000000300016100000003ffffffff000000000000000200016200000002ffffffff0000000100016300000001" + "00000000"
	revoked = "0000000200016400000002ffffffff0000000000016500000001" + "00000007" + "000493e0"

	metadataV0     = "0000" + head83 + "000000000000002a"
	metadataV1Null = "0001" + head83 + "ffffffffffffffff" + "ffffffff"
	metadataV2Null = "0002" + head83 + "ffffffffffffffff" + "ffffffff"
	metadataV1     = "0001" + head83 + "000000000000002a" + "00000081" + assignmentV1
	metadataV2     = "0002" + head83 + "000000000000002a" + "00000081" + assignmentV2
	assignmentV0   = "0000" + "0000" + leader + listed
	assignmentV1   = "0001" + "0000" + leader + listed + revoked
	assignmentV2   = "0002" + "0000" + leader + listed + revoked
	mismatchV0     = "0000" + "0001" + "00086c65616465722d31" + head83 + "0000000000000063" + "00000000"
	mismatchV2     = "0002" + "0001" + "00086c65616465722d31" + head83 + "0000000000000063" + "00000000" + "00000000" + "00000000"
)

const url83 = "http://127.0.0.1:8083/"

func task(connector string, n int) cluster.TaskID {
	return cluster.TaskID{Connector: connector, Task: n}
}

func goldenAssignment(version int16) *Assignment {
	a := &Assignment{
		Version: version, Leader: "leader-1", LeaderURL: "http://127.0.0.1:8084/", ConfigOffset: 41,
		Assigned: Work{
			Connectors: []string{"a", "b"},
			Tasks:      []cluster.TaskID{task("a", 0), task("a", 2), task("b", 1), task("c", 0)},
		},
	}
	if version > 0 {
		a.Revoked = Work{Connectors: []string{"d"}, Tasks: []cluster.TaskID{task("d", 0), task("e", 7)}}
		a.Delay = 5 * time.Minute
	}
	return a
}

func TestMetadataGolden(t *testing.T) {
	for _, tc := range []struct {
		name     string
		protocol Protocol
		hex      string
		want     Metadata
	}{
		{"v0", Eager, metadataV0, Metadata{Version: 0, URL: url83, ConfigOffset: 42}},
		{"v1 null", Compatible, metadataV1Null, Metadata{Version: 1, URL: url83, ConfigOffset: -1}},
		{"v2 null", Sessioned, metadataV2Null, Metadata{Version: 2, URL: url83, ConfigOffset: -1}},
		{"v1", Compatible, metadataV1, Metadata{Version: 1, URL: url83, ConfigOffset: 42, Assignment: goldenAssignment(1)}},
		{"v2", Sessioned, metadataV2, Metadata{Version: 2, URL: url83, ConfigOffset: 42, Assignment: goldenAssignment(2)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := DecodeMetadata(unhex(t, tc.hex))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("decoded (-want +got):\n%s", d)
			}
			b, err := EncodeMetadata(tc.protocol, tc.want)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(b); got != tc.hex {
				t.Errorf("encoded\n%s, want\n%s", got, tc.hex)
			}
		})
	}
}

func TestAssignmentGolden(t *testing.T) {
	mismatch := func(v int16) *Assignment {
		return &Assignment{Version: v, Error: ConfigMismatch, Leader: "leader-1", LeaderURL: url83, ConfigOffset: 99}
	}
	for _, tc := range []struct {
		name     string
		protocol Protocol
		hex      string
		want     *Assignment
	}{
		{"v0", Eager, assignmentV0, goldenAssignment(0)},
		{"v1", Compatible, assignmentV1, goldenAssignment(1)},
		{"v2", Sessioned, assignmentV2, goldenAssignment(2)},
		{"mismatch v0", Eager, mismatchV0, mismatch(0)},
		{"mismatch v2", Sessioned, mismatchV2, mismatch(2)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := DecodeAssignment(unhex(t, tc.hex))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("decoded (-want +got):\n%s", d)
			}
			b, err := EncodeAssignment(tc.protocol, tc.want)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(b); got != tc.hex {
				t.Errorf("encoded\n%s, want\n%s", got, tc.hex)
			}
		})
	}
}

func TestJavaOrderOfTasksIsRegrouped(t *testing.T) {
	a := goldenAssignment(2)
	a.Assigned.Tasks = []cluster.TaskID{task("a", 0), task("b", 1), task("a", 2), task("c", 0)}
	a.Revoked.Tasks = []cluster.TaskID{task("e", 7), task("d", 0)}
	b, err := EncodeAssignment(Sessioned, a)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(b); got != assignmentV2 {
		t.Errorf("encoded\n%s, want\n%s", got, assignmentV2)
	}
}

func TestTolerance(t *testing.T) {
	withTail := append(unhex(t, assignmentV2), 0, 0, 0, 0, 1)
	got, err := DecodeAssignment(withTail)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(goldenAssignment(2), got); d != "" {
		t.Errorf("trailing bytes changed the result (-want +got):\n%s", d)
	}
	// A later version is read as far as version 1 goes; a null list is an empty one.
	nulls := "0009" + "0000" + leader + "ffffffff" + "ffffffff" + "00000005"
	got, err = DecodeAssignment(unhex(t, nulls))
	if err != nil {
		t.Fatal(err)
	}
	want := &Assignment{Version: 9, Leader: "leader-1", LeaderURL: "http://127.0.0.1:8084/", ConfigOffset: 41, Delay: 5 * time.Millisecond}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestBadBytes(t *testing.T) {
	for _, tc := range []struct{ name, hex, want string }{
		{"nothing", "", "field version"},
		{"negative version", "ffff" + assignmentV2[4:], "-1 is not a version"},
		{"null leader", "00020000ffff", "field leader: length -1"},
		{"short", assignmentV2[:60], "end early"},
		{"huge list", "0002" + "0000" + leader + "7fffffff", "2147483647 elements announced, 0 bytes left"},
		{"huge task list", "0002" + "0000" + leader + "00000001" + "000161" + "7ffffff0", "elements announced"},
		{"null task list", "0002" + "0000" + leader + "00000001" + "000161" + "ffffffff", "may not be null"},
		{"half a delay", assignmentV2[:len(assignmentV2)-4], "field delay"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := DecodeAssignment(unhex(t, tc.hex))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
	if _, err := DecodeMetadata(unhex(t, metadataV2[:len(metadataV2)-8])); err == nil {
		t.Error("metadata with a cut assignment was accepted")
	}
}

func TestTooLongName(t *testing.T) {
	long := strings.Repeat("x", 32768)
	if _, err := EncodeMetadata(Sessioned, Metadata{URL: long}); err == nil {
		t.Error("a URL of 32768 bytes was encoded")
	}
	a := &Assignment{Assigned: Work{Connectors: []string{long}}}
	if _, err := EncodeMetadata(Sessioned, Metadata{Assignment: a}); err == nil {
		t.Error("a connector name of 32768 bytes was encoded")
	}
	if _, err := Offers(Eager, Metadata{URL: long[1:]}); err != nil {
		t.Errorf("32767 bytes: %v", err)
	}
}

func TestOffers(t *testing.T) {
	for config, want := range map[string]string{
		"eager": "default", "Compatible": "compatible,default", "SESSIONED": "sessioned,compatible,default",
	} {
		p, err := ParseProtocol(config)
		if err != nil {
			t.Fatal(err)
		}
		offers, err := Offers(p, Metadata{URL: url83, ConfigOffset: 42, Assignment: goldenAssignment(2)})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, o := range offers {
			names = append(names, o.Name)
			elected, err := FromWire(o.Name)
			if err != nil {
				t.Fatal(err)
			}
			wantHex := map[Protocol]string{Eager: metadataV0, Compatible: metadataV1, Sessioned: metadataV2}[elected]
			if got := hex.EncodeToString(o.Metadata); got != wantHex {
				t.Errorf("%s offers for %s\n%s, want\n%s", config, o.Name, got, wantHex)
			}
		}
		if got := strings.Join(names, ","); got != want {
			t.Errorf("%s offers %s, want %s", config, got, want)
		}
	}
	if _, err := ParseProtocol("default"); err == nil {
		t.Error("connect.protocol=default was accepted")
	}
	if _, err := FromWire("eager"); err == nil {
		t.Error("the wire name eager was accepted")
	}
}

func genWork(t *rapid.T, label string) Work {
	name := rapid.StringMatching(`[a-c]{0,3}`)
	var w Work
	w.Connectors = rapid.SliceOfNDistinct(name, 0, 4, rapid.ID).Draw(t, label+" connectors")
	w.Tasks = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) cluster.TaskID {
		return task(name.Draw(t, "connector"), rapid.IntRange(0, 5).Draw(t, "task"))
	}), 0, 8, rapid.ID).Draw(t, label+" tasks")
	return w
}

func sorted(a *Assignment) *Assignment {
	if a == nil {
		return nil
	}
	c := *a
	c.Assigned, c.Revoked = sortedWork(a.Assigned), sortedWork(a.Revoked)
	return &c
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Protocol(rapid.IntRange(1, 2).Draw(t, "protocol"))
		m := Metadata{
			Version: p.Version(), URL: rapid.String().Draw(t, "url"), ConfigOffset: rapid.Int64().Draw(t, "offset"),
		}
		if rapid.Bool().Draw(t, "assigned") {
			m.Assignment = &Assignment{
				Version: p.Version(), Error: rapid.Int16().Draw(t, "error"),
				Leader: rapid.String().Draw(t, "leader"), LeaderURL: rapid.String().Draw(t, "leader url"),
				ConfigOffset: rapid.Int64().Draw(t, "assignment offset"),
				Assigned:     genWork(t, "assigned"), Revoked: genWork(t, "revoked"),
				Delay: time.Duration(rapid.Int32().Draw(t, "delay")) * time.Millisecond,
			}
		}
		b, err := EncodeMetadata(p, m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeMetadata(b)
		if err != nil {
			t.Fatal(err)
		}
		m.Assignment, got.Assignment = sorted(m.Assignment), sorted(got.Assignment)
		if d := cmp.Diff(m, got); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{metadataV0, metadataV1Null, metadataV2, assignmentV0, assignmentV1, assignmentV2, mismatchV2} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		if a, err := DecodeAssignment(b); err == nil {
			if got := a.Assigned.Len() + a.Revoked.Len(); got > len(b)/4 {
				t.Fatalf("%d entries from %d bytes", got, len(b))
			}
			again, err := EncodeAssignment(Sessioned, a)
			if err != nil {
				t.Fatalf("decoded %+v cannot be encoded: %v", a, err)
			}
			back, err := DecodeAssignment(again)
			if err != nil {
				t.Fatal(err)
			}
			back.Version = a.Version
			if d := cmp.Diff(sorted(a), sorted(back)); d != "" {
				t.Fatalf("(-first +second):\n%s", d)
			}
		}
		if m, err := DecodeMetadata(b); err == nil {
			if _, err := EncodeMetadata(Sessioned, m); err != nil {
				t.Fatalf("decoded %+v cannot be encoded: %v", m, err)
			}
		}
		if !bytes.Equal(before, b) {
			t.Fatal("the input was changed")
		}
	})
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sortedWork(w Work) Work {
	w = w.Clone()
	slices.Sort(w.Connectors)
	slices.SortFunc(w.Tasks, cluster.TaskID.Compare)
	if len(w.Connectors) == 0 {
		w.Connectors = nil
	}
	if len(w.Tasks) == 0 {
		w.Tasks = nil
	}
	return w
}
