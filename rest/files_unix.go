//go:build unix

package rest

import "syscall"

// defaultConnections leaves half of the files that the process may open to the rest of the worker.
func defaultConnections() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return maxConnections
	}
	return int(min(uint64(files.Cur)/2, maxConnections))
}
