package testkit

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// KafkaVersion is the release of Apache Kafka that brokers and Java workers run.
const KafkaVersion = "4.3.1"

// OldKafkaVersion is the newest release of the line before: what a cluster that is being upgraded runs. Only its Connect worker
// is there, see OldRelease.
const OldKafkaVersion = "3.9.2"

//go:embed kafka/pom.xml
var pom []byte

//go:embed kafka/log4j2.properties
var log4j2 []byte

//go:embed kafka/old/pom.xml
var oldPOM []byte

//go:embed kafka/old/log4j.properties
var log4j1 []byte

// release is what is fetched from Maven Central, and how it is told to log.
type release struct {
	version string
	pom     []byte
	logging []byte
	logFile string // the name of the file with logging
	logFlag string // the system property that names that file
}

// installation is where Kafka lies on this machine: shared by all test processes, made by the first that needs it.
type installation struct {
	release
	java      string // path of the java program
	dir       string // the cache folder
	classpath string // all jars, in a fixed order: class archives are tied to it
	bootstrap []byte // bootstrap.checkpoint as Kafka's own formatting writes it: the feature levels of a new cluster
}

var (
	current = release{KafkaVersion, pom, log4j2, "log4j2.properties", "-Dlog4j2.configurationFile="}
	old     = release{OldKafkaVersion, oldPOM, log4j1, "log4j.properties", "-Dlog4j.configuration=file:"}
)

var install = sync.OnceValues(func() (*installation, error) {
	in, err := newInstallation(current)
	if err != nil {
		return nil, err
	}
	return in, in.format()
})

var installOld = sync.OnceValues(func() (*installation, error) { return newInstallation(old) })

// errMissing is the error of a machine without what Kafka needs.
var errMissing = errors.New("real Kafka cannot run here")

// kafka returns the installation, or ends the test: skipped with a loud line, under CI=true failed.
func kafka(t testing.TB) *installation {
	t.Helper()
	return installed(t, install)
}

func installed(t testing.TB, install func() (*installation, error)) *installation {
	t.Helper()
	if testing.Short() {
		t.Skip("needs real Kafka: skipped by -short")
	}
	found, err := install()
	if err != nil {
		refuse(t, err)
	}
	return found
}

// refuse ends the test: skipped on a developer's machine that lacks what it needs, failed otherwise.
func refuse(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, errMissing) || os.Getenv("CI") == "true" {
		t.Fatalf("testkit: %v", err)
	}
	fmt.Fprintf(os.Stderr, "\n!!! SKIPPED %s: %v\n\n", t.Name(), err)
	t.Skip(err)
}

// prepare makes the cache folder of a release and fetches what belongs into it.
func prepare(r release, folder string) (*installation, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("%w: java is not in PATH: install Java 17 or newer, and Maven", errMissing)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	in := &installation{release: r, java: java, dir: filepath.Join(cache, "connectd", folder)}
	if err := os.MkdirAll(in.dir, 0o755); err != nil {
		return nil, err
	}
	unlock, err := in.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if in.logging != nil {
		if err := os.WriteFile(in.path(in.logFile), in.logging, 0o644); err != nil {
			return nil, err
		}
	}
	return in, in.fetch()
}

func newInstallation(r release) (*installation, error) {
	in, err := prepare(r, "kafka-"+r.version)
	if err != nil {
		return nil, err
	}
	jars, err := filepath.Glob(in.path("libs", "*.jar")) // sorted
	if err != nil {
		return nil, err
	}
	in.classpath = strings.Join(jars, string(os.PathListSeparator))
	return in, nil
}

func (in *installation) what() string {
	if in.logging == nil {
		return "the jars that a test needs"
	}
	return "Apache Kafka " + in.version
}

func (in *installation) path(names ...string) string {
	return filepath.Join(append([]string{in.dir}, names...)...)
}

// lock keeps other test processes from preparing the same things at the same time.
func (in *installation) lock() (unlock func(), err error) {
	file, err := lockFile(in.path("lock"), syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	return func() { file.Close() }, nil
}

// fetch brings the jars from Maven Central, once. The folder appears whole or not at all.
func (in *installation) fetch() error {
	if _, err := os.Stat(in.path("libs")); err == nil {
		return nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("%w: mvn is not in PATH: install Maven, which fetches %s", errMissing, in.what())
	}
	if err := os.WriteFile(in.path("pom.xml"), in.pom, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "testkit: fetching %s with mvn into %s\n", in.what(), in.dir)
	part := in.path("libs.part")
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	command := exec.Command(mvn, "-q", "-B", "-f", in.path("pom.xml"), "-Dkafka.version="+in.version,
		"dependency:copy-dependencies", "-DoutputDirectory="+part, "-DincludeScope=runtime")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: mvn could not fetch %s: %w\n%s", errMissing, in.what(), err, tail(string(out), 2000))
	}
	return os.Rename(part, in.path("libs"))
}

// format has Kafka format a storage folder once and keeps the one file of it that is the same for every cluster. Writing it,
// and meta.properties, ourselves spares each broker the start of a second JVM.
func (in *installation) format() error {
	const name = "bootstrap.checkpoint"
	data, err := os.ReadFile(in.path(name))
	if err == nil {
		in.bootstrap = data
		return nil
	}
	work, err := os.MkdirTemp(in.dir, "format-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, "server.properties")
	s := newSettings(nil)
	s.node(1, 1, "1@127.0.0.1:1", "PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1", "broker,controller")
	s.set("log.dirs", filepath.Join(work, "data"))
	if err := os.WriteFile(file, s.text(), 0o644); err != nil {
		return err
	}
	out, err := in.command(context.Background(), "kafka.tools.StorageTool", "format", "-t", newUUID(), "-c", file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("format a storage folder: %w\n%s", err, tail(string(out), 2000))
	}
	if in.bootstrap, err = os.ReadFile(filepath.Join(work, "data", name)); err != nil {
		return err
	}
	part := filepath.Join(work, name)
	if err := os.WriteFile(part, in.bootstrap, 0o644); err != nil {
		return err
	}
	return os.Rename(part, in.path(name))
}

// command prepares a short run of a Kafka class, its log on standard error.
func (in *installation) command(ctx context.Context, class string, args ...string) *exec.Cmd {
	flags := slices.Concat(
		[]string{"-Xmx512m", "-Dtestkit.log.target=SYSTEM_ERR", "-Dtestkit.log.level=WARN", in.logArgument()},
		quickJVM, []string{class}, args)
	command := exec.CommandContext(ctx, in.java, flags...)
	command.Env = append(os.Environ(), "CLASSPATH="+in.classpath)
	return command
}

func (in *installation) logArgument() string {
	return in.logFlag + in.path(in.logFile)
}

// archivePath names the class archive for a kind of process. An archive serves only the JVM that wrote it, so the name holds a
// digest of which java that is.
func (in *installation) archivePath(kind string) string {
	identity := in.java
	if real, err := filepath.EvalSymlinks(in.java); err == nil {
		identity = real
		if info, err := os.Stat(real); err == nil {
			identity += info.ModTime().String()
		}
	}
	sum := sha256.Sum256([]byte(identity))
	return in.path(kind + "-" + hex.EncodeToString(sum[:4]) + ".jsa")
}
