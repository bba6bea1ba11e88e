package testkit

import (
	"path/filepath"
	"strings"
	"testing"
)

// StartMirrorMaker starts Kafka's MirrorMaker in dedicated mode with a properties file, as connect-mirror-maker.sh does, and waits
// until its flows have started.
func StartMirrorMaker(t testing.TB, file string, opts ...Option) *Process {
	t.Helper()
	in := installed(t, install)
	s := newSettings(opts)
	return StartProcess(t, ProcessSpec{
		Name:  "MirrorMaker of " + filepath.Base(file),
		Path:  in.java,
		Args:  append(s.flags(in, "connect", in.recordWorker), "org.apache.kafka.connect.mirror.MirrorMaker", file),
		Env:   []string{"CLASSPATH=" + in.classpath},
		Ready: func(line string) bool { return strings.Contains(line, "Kafka MirrorMaker started") },
	})
}
