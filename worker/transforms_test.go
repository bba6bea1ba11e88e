package worker_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/transform"
)

// TestKafkasTransformations runs Kafka's own in the chain of a source and, over what that wrote, of a sink.
func TestKafkasTransformations(t *testing.T) {
	const home = "org.apache.kafka.connect.transforms."
	c := newWorkers(t, 1, func(r connect.Registrar) { transform.Register(r, time.Now) }, nil)
	w := c.all[0]
	w.create("a", source(1, "records", "3", "transforms", "wrap,add,route,drop", "predicates", "moved",
		"predicates.moved.type", home+"predicates.TopicNameMatches", "predicates.moved.pattern", "moved-.*",
		"transforms.wrap.type", home+"HoistField$Value", "transforms.wrap.field", "v",
		"transforms.add.type", home+"InsertField$Value", "transforms.add.topic.field", "from", "transforms.add.static.field", "s", "transforms.add.static.value", "x",
		"transforms.route.type", "RegexRouter", "transforms.route.regex", "(o)(.*)", "transforms.route.replacement", "moved-$2",
		"transforms.drop.type", home+"Filter", "transforms.drop.predicate", "moved", "transforms.drop.negate", "true"))
	want := []string{"Struct{v=0-0,from=out,s=x}", "Struct{v=0-1,from=out,s=x}", "Struct{v=0-2,from=out,s=x}"}
	w.eventually(func() error {
		if diff := cmp.Diff(want, c.kafka.values("moved-ut")); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	out := filepath.Join(t.TempDir(), "out")
	w.create("b", map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "1", "topics": "moved-ut", "file": out, "transforms": "wrap,at",
		"transforms.wrap.type": home + "HoistField$Value", "transforms.wrap.field": "line",
		"transforms.at.type": home + "InsertField$Value", "transforms.at.offset.field": "o!", "transforms.at.partition.field": "p",
	})
	wrote := ""
	for i, line := range want {
		wrote += "Struct{line=" + line + ",p=0,o=" + string(rune('0'+i)) + "}\n"
	}
	w.eventually(func() error {
		got, err := os.ReadFile(out)
		if diff := cmp.Diff(wrote, string(got)); err != nil || diff != "" {
			return errors.Join(err, errors.New(diff))
		}
		return nil
	})
}
