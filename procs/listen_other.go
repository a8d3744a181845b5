//go:build !linux && !windows

package procs

import (
	"slices"

	"github.com/shirou/gopsutil/v4/net"
)

// Listeners are the TCP ports that the processes listen on, ascending.
func Listeners(pids []int) []int {
	ports := []int{}
	conns, _ := net.Connections("tcp") // what it could not look at belongs to others
	for _, conn := range conns {
		if conn.Status == "LISTEN" && slices.Contains(pids, int(conn.Pid)) {
			ports = append(ports, int(conn.Laddr.Port))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// Listener is the process that listens on a TCP port, 0 if there is none or it is not ours to see.
func Listener(port int) (pid int) {
	conns, _ := net.Connections("tcp")
	for _, conn := range conns {
		if conn.Status == "LISTEN" && conn.Laddr.Port == uint32(port) {
			return int(conn.Pid)
		}
	}
	return 0
}
