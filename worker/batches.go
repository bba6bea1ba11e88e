package worker

import (
	"strings"

	"github.com/connectd/connectd/internal/client"
)

// BatchKafka is an optional interface of a Kafka that can write whole record batches for source tasks that copy some.
type BatchKafka interface {
	NewBatchProducer(props map[string]string, onDelivery func([]client.Delivery)) (client.BatchProducer, error)
}

// newBatchProducer is nil where there is none.
func (w *Worker) newBatchProducer() client.BatchProducerFactory {
	if k, can := w.cfg.Kafka.(BatchKafka); can {
		return k.NewBatchProducer
	}
	return nil
}

// noBatches says why the records of a source task must travel one by one: the property that asks for it. Empty: they need not.
func (b *taskBuild) noBatches() string {
	if names := listOf(b.conf["transforms"]); len(names) > 0 {
		return "transforms=" + strings.Join(names, ",")
	}
	conf := b.w.cfg.Conf
	for _, c := range []struct{ property, class string }{
		{"key.converter", conf.KeyConverter.Class}, {"value.converter", conf.ValueConverter.Class}, {"header.converter", conf.HeaderConverter.Class},
	} {
		chosen, _ := b.chosen(c.property, c.class, nil)
		if !b.copiesBytes(chosen) {
			return c.property + "=" + chosen
		}
	}
	if strings.TrimSpace(b.conf["errors.tolerance"]) == "all" {
		return "errors.tolerance=all" // drops single records
	}
	return ""
}

// copiesBytes tells whether a converter class, or its alias, leaves bytes as they are.
func (b *taskBuild) copiesBytes(class string) bool {
	p, err := b.w.cfg.Registry.FindConverter(class)
	return err == nil && p.Class == byteArrayConverter
}
