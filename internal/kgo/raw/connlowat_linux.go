package raw

import (
	"net"
	"syscall"
)

// lowWater has the system say that there is something to read only when there are so many bytes, or nothing more will come: a large
// answer wakes its reader a few times, not for each of the pieces that it comes in. It changes nothing but that, so errors
// do not matter.
func lowWater(nc net.Conn, bytes int) {
	tcp, plain := nc.(*net.TCPConn)
	if !plain {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes) })
}
