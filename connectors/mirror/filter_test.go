package mirror

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/internal/client"
)

// TestFilterOfJava holds filters to what only Java's regular expressions can say.
func TestFilterOfJava(t *testing.T) {
	all := []string{"orders", "orders-dlq", "__offsets", "mm2-status", "internal.audit", "aa", "ab"}
	for _, c := range []struct{ topics, exclude, want string }{
		{`^(?!__|mm2).*`, "", "orders orders-dlq internal.audit aa ab"},
		{`^(?!__|mm2).*`, `.*(?<=-dlq)`, "orders internal.audit aa ab"},
		{`orders,(a)\1,orders-.*+`, "", "orders orders-dlq aa"},
		{`[a-z&&[^i]][a-z]+`, "a++b", "orders aa"},
	} {
		s, err := parse(props(propTopics, c.topics, propExclude, c.exclude))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, topic := range all {
			copied, err := s.filter.copies(topic)
			if err != nil {
				t.Error(err)
			}
			if copied {
				got = append(got, topic)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s without %s: %v", c.topics, c.exclude, got)
		}
	}
}

// TestFilterTooDear: an expression that takes too much fails what asks, by property and topic. Nothing is left out, and
// no ring passes for harmless.
func TestFilterTooDear(t *testing.T) {
	const dear = `(?!x)(?:ab|a)*c`
	long := strings.Repeat("a", 100_000) + "dc"
	s, err := parse(props(propTopics, "b|"+dear, propThrottleTopics, dear+"=5", propConfigExclude, dear))
	if err != nil {
		t.Fatal(err)
	}
	if yes, err := s.filter.copies("b"); !yes || err != nil {
		t.Error(yes, err)
	}
	_, err1 := s.filter.copies(long)
	_, err2 := s.targetACLs([]client.ACL{{Topic: long, Operation: client.OperationRead, Allow: true}})
	_, err3 := s.configs.initial(map[string]client.ConfigEntry{long: {Value: "1", Source: client.TopicConfig}})
	rate, err4 := s.life.limits.of(long)
	for i, err := range []error{err1, err2, err3, err4} {
		property := []string{propTopics, propTopics, propConfigExclude, propThrottleTopics}[i]
		if err == nil || !strings.HasPrefix(err.Error(), property+": ") || !strings.Contains(err.Error(), long[:200]) {
			t.Errorf("%s: %v", property, err)
		}
	}
	if rate != 5 || !s.filter.mayCopy(long) {
		t.Error(rate, s.filter.mayCopy(long))
	}
}

func TestFilterRefused(t *testing.T) {
	for _, c := range [][2]string{{"a[", "Unclosed character class"}, {`\p{InGreek}`, "not supported"}, {"(?!a", "Unclosed group"}} {
		if _, err := parse(props(propTopics, c[0])); err == nil || !strings.Contains(err.Error(), c[1]) || !strings.Contains(err.Error(), propTopics) {
			t.Errorf("%s: %v", c[0], err)
		}
	}
	if vs := checkPatterns(props(propTopics, "a,(?!b).*"), nil, propTopics); len(vs) > 0 {
		t.Error(vs)
	}
}
