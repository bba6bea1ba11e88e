package testkit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJavaProgramAnswersLines(t *testing.T) {
	p := StartJava(t, filepath.Join("testdata", "Echo.java"), "one")
	for _, line := range []string{"a", "", "b c"} {
		if got, want := string(p.Ask([]byte(line))), KafkaVersion+" one "+line; got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
	}
	p.Send([]byte("end"))
	if _, err := p.receive(); err == nil || !strings.Contains(err.Error(), "without an answer") {
		t.Errorf("after its end: %v", err)
	}
	<-p.done
	if err := p.send([]byte("late")); err == nil || !strings.Contains(err.Error(), "without taking a line") {
		t.Errorf("a line after its end: %v", err)
	}
	if !strings.Contains(p.log.String(), "echo ended") {
		t.Errorf("standard error was lost:\n%s", p.log.String())
	}
}

func TestJavaWithoutCompilerIsMissing(t *testing.T) {
	in := &installation{java: filepath.Join(t.TempDir(), "java")}
	if err := os.WriteFile(in.java, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := in.compiler(); !errors.Is(err, errMissing) || !strings.Contains(err.Error(), "install a JDK") {
		t.Errorf("without javac: %v", err)
	}
	if err := os.WriteFile(in.java+"c", nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := in.compiler(); err != nil {
		t.Errorf("with javac: %v", err)
	}
}
