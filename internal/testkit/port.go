package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// Ports are taken below the range from which systems serve outgoing connections. A port of that range could be lost, while a
// broker restarts, to the very client that tries to reconnect to it.
const (
	firstPort = 24000
	lastPort  = 31999
)

// ports holds the lock files of the ports handed out: packages are tested in parallel, as processes of their own, and the lock
// ends with the process.
var ports struct {
	sync.Mutex
	held []*os.File
}

// FreePort returns a TCP port on which nothing listens at 127.0.0.1 and that no other test gets while this process lives.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	return port
}

func freePort() (int, error) {
	dir := filepath.Join(os.TempDir(), "connectd-test-ports")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, err
	}
	ports.Lock()
	defer ports.Unlock()
	for range 200 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		lock, err := tryLock(filepath.Join(dir, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			lock.Close()
			continue
		}
		listener.Close()
		ports.held = append(ports.held, lock)
		return port, nil
	}
	return 0, fmt.Errorf("no free port found between %d and %d", firstPort, lastPort)
}

// tryLock takes the file's lock, or fails at once when another open file has it.
func tryLock(path string) (*os.File, error) {
	return lockFile(path, syscall.LOCK_EX|syscall.LOCK_NB)
}

func lockFile(path string, how int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if err == nil {
			return file, nil
		}
		if err != syscall.EINTR {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}
