//go:build !linux

package raw

import "net"

func lowWater(net.Conn, int) {}
