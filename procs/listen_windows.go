package procs

import (
	"math/bits"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Listeners are the TCP ports that the processes listen on, ascending; nil means that this could not be found out.
func Listeners(pids []int) []int {
	rows := slices.DeleteFunc(listening(), func(l listenRow) bool { return l.pid == 0 }) // Wine knows no owners
	if len(rows) == 0 {
		return nil
	}
	ports := []int{}
	for _, l := range rows {
		if slices.Contains(pids, l.pid) {
			ports = append(ports, l.port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// Listener is the process that listens on a TCP port, 0 if there is none or it is not ours to see.
func Listener(port int) (pid int) {
	for _, l := range listening() {
		if l.port == port {
			return l.pid
		}
	}
	return 0
}

// A listenRow is a process that listens on a TCP port.
type listenRow struct{ port, pid int }

// listening asks for the sockets that listen and for no others: a busy machine has some thousand connections, most of them
// in TIME_WAIT. Wine looks for the owner of each row in every folder of open files, and serves no other call of any
// process that concerns a device meanwhile: with all connections in the table that was most of a minute.
func listening() []listenRow {
	var rows []listenRow
	for _, t := range []tcpTable{
		{family: windows.AF_INET, row: 6, port: 2, pid: 5},    // MIB_TCPROW_OWNER_PID
		{family: windows.AF_INET6, row: 14, port: 5, pid: 13}, // MIB_TCP6ROW_OWNER_PID
	} {
		rows = append(rows, t.read()...)
	}
	return rows
}

// A tcpTable says how a table of GetExtendedTcpTable is laid out: how many DWORDs a row has, and which of them are what.
type tcpTable struct {
	family         uintptr
	row, port, pid int
}

var getExtendedTCPTable = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")

// read is nil where the system has no such family.
func (t tcpTable) read() (rows []listenRow) {
	const ownerPidListener = 3 // TCP_TABLE_OWNER_PID_LISTENER of TCP_TABLE_CLASS
	for room := 1 << 12; ; {
		table := make([]uint32, room)
		size := uint32(room) * uint32(unsafe.Sizeof(table[0]))
		code, _, _ := getExtendedTCPTable.Call(uintptr(unsafe.Pointer(&table[0])), uintptr(unsafe.Pointer(&size)), 0, t.family, ownerPidListener, 0)
		switch windows.Errno(code) {
		case windows.ERROR_SUCCESS:
			for row := range slices.Chunk(table[1:][:int(table[0])*t.row], t.row) {
				rows = append(rows, listenRow{port: portOf(row[t.port]), pid: int(row[t.pid])})
			}
			return rows
		case windows.ERROR_INSUFFICIENT_BUFFER: // size is what it takes now; it may be more by the next call
			room = 2 * max(room, int(size/4))
		default:
			return nil
		}
	}
}

// portOf is a port as the tables have it: in the order of the network, in the lower half; the upper one may hold anything.
func portOf(field uint32) int { return int(bits.ReverseBytes16(uint16(field))) }
