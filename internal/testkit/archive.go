package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// A class archive (JVM "class data sharing") holds Kafka's classes ready to be mapped: processes that use it come up in about
// half the time and processor time. The first test on a machine that needs a kind of process has its archive written, by one run
// of that kind. Without an archive, which some JVMs cannot write, all works as well, later.

// archives remembers, per kind, what this process found out; the file is shared by all test processes.
var archives struct {
	sync.Mutex
	paths map[string]string
}

// archiveFlags are the JVM arguments by which a process of that kind uses its archive.
func (in *installation) archiveFlags(kind string, record func(dir string, recording Option) error) []string {
	archives.Lock()
	defer archives.Unlock()
	path, known := archives.paths[kind]
	if !known {
		path = in.archivePath(kind)
		if err := in.writeArchive(path, record); err != nil {
			fmt.Fprintf(os.Stderr, "testkit: no class archive for %s, starts take longer: %v\n", kind, err)
			path = ""
		}
		if archives.paths == nil {
			archives.paths = map[string]string{}
		}
		archives.paths[kind] = path
	}
	if path == "" {
		return nil
	}
	return []string{"-XX:SharedArchiveFile=" + path}
}

// writeArchive puts the archive into place unless it is there.
func (in *installation) writeArchive(path string, record func(dir string, recording Option) error) error {
	unlock, err := in.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	dir, err := os.MkdirTemp(in.dir, "archive-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	part := filepath.Join(dir, "part.jsa")
	if err := record(dir, withArchive("-XX:ArchiveClassesAtExit="+part, "-Xlog:cds=off", "-Xlog:cds+dynamic=off")); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// recordBroker runs a broker to its orderly end.
func (in *installation) recordBroker(dir string, recording Option) error {
	plan, err := planBroker(in, dir, []Option{recording})
	if err != nil {
		return err
	}
	broker, err := startDetached(plan.spec, dir)
	if err != nil {
		return err
	}
	defer broker.log.close()
	return broker.stop()
}

// recordWorker runs a Connect worker to its orderly end, on a broker of its own.
func (in *installation) recordWorker(dir string, recording Option) error {
	plan, err := planBroker(in, filepath.Join(dir, "broker"), []Option{withArchive()})
	if err != nil {
		return err
	}
	broker, err := startDetached(plan.spec, dir)
	if err != nil {
		return err
	}
	defer broker.log.close()
	defer broker.end()
	worker, err := planWorker(in, dir, plan.broker.Bootstrap, "archive", []Option{recording})
	if err != nil {
		return err
	}
	process, err := startDetached(worker.spec, dir)
	if err != nil {
		return err
	}
	defer process.log.close()
	return process.stop()
}
