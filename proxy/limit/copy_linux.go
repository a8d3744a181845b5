package limit

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// leaveToKernel sees to it that the kernel itself ends a connection whose client takes nothing for a while, and says whether it does.
// TCP_USER_TIMEOUT holds also for a client that is there and has no room (RFC 5482; see tcp(7)).
func leaveToKernel(c net.Conn, stall time.Duration) bool {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(max(stall, 0).Milliseconds()))
	})
	return err == nil && failed == nil
}
