package testkit

import "syscall"

// childAttributes has the kernel kill the child when the thread that started it ends, which is when the test process dies:
// that thread lives for nothing else.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
