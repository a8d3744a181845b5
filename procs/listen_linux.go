package procs

import (
	"bufio"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Listeners are the TCP ports that the processes listen on, ascending.
func Listeners(pids []int) []int {
	sockets := listening()
	ports := []int{}
	for _, pid := range pids {
		for _, inode := range socketsOf(strconv.Itoa(pid)) {
			if port, ok := sockets[inode]; ok {
				ports = append(ports, port)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// Listener is the process that listens on a TCP port, 0 if there is none or it is not ours to see.
func Listener(port int) (pid int) {
	sockets := listening()
	maps.DeleteFunc(sockets, func(_ string, other int) bool { return other != port })
	if len(sockets) == 0 {
		return 0
	}
	folders, _ := filepath.Glob("/proc/[0-9]*") // its one error is a bad pattern
	for _, folder := range folders {
		name := filepath.Base(folder)
		for _, inode := range socketsOf(name) {
			if _, ok := sockets[inode]; ok {
				pid, _ := strconv.Atoi(name)
				return pid
			}
		}
	}
	return 0
}

// listening maps the inodes of listening TCP sockets to their ports. The kernel lists these first (tcp_seq_start in
// net/ipv4/tcp_ipv4.c), so that the rest, which may be a hundred thousand connections in TIME_WAIT, need not be read.
func listening() map[string]int {
	sockets := map[string]int{}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(name)
		if err != nil {
			continue // a kernel without IPv6
		}
		lines := bufio.NewScanner(file)
		lines.Scan() // the heading
		for lines.Scan() {
			inode, port, ok := parseListening(lines.Text())
			if !ok {
				break
			}
			sockets[inode] = port
		}
		file.Close()
	}
	return sockets
}

// parseListening reads a line of /proc/net/tcp (proc_net_tcp.rst); not ok means that it is no listening socket's.
func parseListening(line string) (inode string, port int, ok bool) {
	const local, state, inodeField, listen = 1, 3, 9, "0A"
	fields := strings.Fields(line)
	if len(fields) <= inodeField || fields[state] != listen {
		return "", 0, false
	}
	_, hex, _ := strings.Cut(fields[local], ":")
	n, err := strconv.ParseUint(hex, 16, 16)
	return fields[inodeField], int(n), err == nil
}

// socketsOf are the inodes of a process's sockets.
func socketsOf(pid string) []string {
	folder := "/proc/" + pid + "/fd"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // it has ended, or is another user's
	}
	var inodes []string
	for _, entry := range entries {
		target, err := os.Readlink(folder + "/" + entry.Name())
		if err != nil {
			continue
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	return inodes
}
