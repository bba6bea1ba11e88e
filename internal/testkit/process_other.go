//go:build !linux

package testkit

import "syscall"

// childAttributes leaves the child in the terminal's process group, so that Ctrl-C reaches it as it does the test.
func childAttributes() *syscall.SysProcAttr { return nil }
