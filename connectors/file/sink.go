package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/converter"
)

type sinkTask struct {
	out  *bufio.Writer
	file io.Closer // nil for standard output
}

func (t *sinkTask) Start(_ context.Context, _ connect.SinkTaskContext, props map[string]string) error {
	v, err := sinkConfig().Parse(props)
	if err != nil {
		return err
	}
	name := v.String(propFile)
	if name == "" {
		t.out = bufio.NewWriter(os.Stdout)
		return nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open or create the file of FileStreamSink: %w", err)
	}
	t.out, t.file = bufio.NewWriter(f), f
	return nil
}

// Put writes the text of each value on a line of its own.
func (t *sinkTask) Put(_ context.Context, records []connect.SinkRecord) error {
	for i := range records {
		r := &records[i]
		text, err := converter.Text(r.Value)
		if err != nil {
			return fmt.Errorf("record at offset %d of %s-%d: %w", r.Offset, r.Topic, r.Partition, err)
		}
		if _, err := t.out.WriteString(text); err != nil {
			return err
		}
		if err := t.out.WriteByte('\n'); err != nil {
			return err
		}
	}
	return nil
}

// PreCommit hands what was put to the operating system.
func (t *sinkTask) PreCommit(_ context.Context, offsets map[connect.TopicPartition]int64) (map[connect.TopicPartition]int64, error) {
	return offsets, t.out.Flush()
}

func (t *sinkTask) Stop() error {
	if t.out == nil {
		return nil
	}
	err := t.out.Flush()
	if t.file != nil {
		err = errors.Join(err, t.file.Close())
	}
	return err
}
