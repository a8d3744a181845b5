package procs

import (
	"net"
	"os"
	"slices"
	"testing"
)

func TestListenersSeeThisProcess(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if ports := Listeners([]int{os.Getpid()}); !slices.Contains(ports, port) {
			t.Errorf("%s: %v has no %d", address, ports, port)
		}
		if pid := Listener(port); pid != os.Getpid() {
			t.Errorf("%s: the listener is %d, want %d", address, pid, os.Getpid())
		}
		l.Close()
		if ports := Listeners([]int{os.Getpid()}); slices.Contains(ports, port) {
			t.Errorf("%s: %v has %d after it was closed", address, ports, port)
		}
		if pid := Listener(port); pid != 0 {
			t.Errorf("%s: %d listens on a closed port", address, pid)
		}
	}
}
