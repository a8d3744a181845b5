package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	psprocess "github.com/shirou/gopsutil/v4/process"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/procs"
)

// What doctor finds out of lbdevs: those that run, what they have, what they have left behind.

// portFree is what is said of a port that nobody has.
const portFree = "free"

// maxCommand is how much is shown of a command, in characters.
const maxCommand = 48

func checkVersion(*examination, context.Context) []finding {
	v := buildVersion()
	return []finding{{"lbdev", fine, fmt.Sprintf("%s, %s, %s", v.Version, v.Go, v.Platform), ""}}
}

// checkPorts says who has each port.
func checkPorts(e *examination, ctx context.Context) []finding {
	s, ok := e.awaitStock(ctx)
	if !ok {
		s = &stock{}
	}
	found := make([]finding, len(e.ports))
	var looks sync.WaitGroup
	for i, port := range e.ports {
		looks.Go(func() {
			found[i] = s.port(port)
			found[i].Check = fmt.Sprintf("port %d", port)
		})
	}
	looks.Wait()
	return found
}

func (s *stock) port(port int) finding {
	pid := procs.Listener(port)
	if seat, lbdev := s.seat(port); seat != "" && (pid == 0 || belongs(pid, lbdev)) {
		if pid == 0 {
			return finding{Status: fine, Text: seat + ", which has no server on it now"}
		}
		return finding{Status: fine, Text: fmt.Sprintf("%s: %s", seat, holder(pid))}
	}
	if pid == 0 {
		return freePort(port)
	}
	for _, r := range s.relics {
		if r.hasAny([]int{pid}) {
			return finding{Status: notable, Text: fmt.Sprintf("%s, left over from %s", holder(pid), r.title()), Hint: "lbdev prune  ends it"}
		}
		if r.suspects(pid) {
			return finding{
				Status: notable, Text: fmt.Sprintf("%s, perhaps left over from %s", holder(pid), r.title()),
				Hint: fmt.Sprintf("look at it, and end it with  kill %d", pid),
			}
		}
	}
	if lbdev, ok := procs.OwnerOf(pid); ok {
		return finding{
			Status: notable, Text: fmt.Sprintf("%s, a worker of another lbdev (pid %d)", holder(pid), lbdev.Pid),
			Hint: fmt.Sprintf("it was started with another XDG_RUNTIME_DIR; Ctrl-C in its terminal or  kill %d  ends it", lbdev.Pid),
		}
	}
	return finding{
		Status: notable, Text: holder(pid) + " has it",
		Hint: fmt.Sprintf("up takes the next free ports by itself; to have this one:  kill %d", pid),
	}
}

// seat is what a port is for in a cluster that runs, and the pid of its lbdev; empty if it is for nothing.
func (s *stock) seat(port int) (what string, lbdev int) {
	for _, f := range s.clusters {
		switch {
		case hasPort(f.Front, port), f.Now != nil && slices.ContainsFunc(append(f.Now.Listen, f.Now.Redirect), func(url string) bool { return hasPort(url, port) }):
			return fmt.Sprintf("front of cluster %q", f.Name), f.PID
		case f.Now != nil && hasPort(f.Now.Dashboard, port):
			return fmt.Sprintf("dashboard of cluster %q", f.Name), f.PID
		case slices.Contains(f.Ports, port):
			return fmt.Sprintf("worker %d of cluster %q", slices.Index(f.Ports, port)+1, f.Name), f.PID
		}
	}
	return "", 0
}

func hasPort(address string, port int) bool {
	u, err := url.Parse(address)
	return err == nil && u.Port() == strconv.Itoa(port)
}

// belongs says whether the process is a lbdev or one of those that it has started. Elsewhere than on Linux that can't be
// told, and then it is.
func belongs(pid, lbdev int) bool {
	owner, ok := procs.OwnerOf(pid)
	return pid == lbdev || ok && owner.Pid == lbdev || runtime.GOOS != "linux"
}

// holder names a process as errors do it: "node" (pid 4312).
func holder(pid int) string {
	h := cluster.Holder{PID: pid}
	h.Program, _ = (&psprocess.Process{Pid: int32(pid)}).Name() // without it the pid must do
	return h.String()
}

// freePort finds out whether a port is free on which we see nobody listen: another user's program may.
func freePort(port int) finding {
	for _, host := range []string{"127.0.0.1", "::1", "0.0.0.0", "::"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		switch {
		case err == nil:
			l.Close()
		case errors.Is(err, syscall.EACCES):
			return finding{Status: notable, Text: "only root may open it", Hint: "take a port from 1024 up"}
		case isTaken(err):
			return finding{
				Status: notable, Text: fmt.Sprintf("taken on %s by a program that is not yours", host),
				Hint: "up takes the next free ports by itself; to see whose it is:  " + whoHas(port),
			}
		}
	}
	if cluster.RefusedByBrowsers(port) {
		return finding{Status: notable, Text: "free, but browsers refuse to open it", Hint: "take another one for the front"}
	}
	return finding{Status: fine, Text: portFree}
}

// isTaken recognises a port in use; Windows has a number of its own for it.
func isTaken(err error) bool {
	const wsaAddrInUse = syscall.Errno(10048)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse)
}

func whoHas(port int) string {
	switch runtime.GOOS {
	case "linux":
		return fmt.Sprintf("sudo ss -ltnp sport = :%d", port)
	case "windows":
		return fmt.Sprintf("netstat -ano | findstr :%d", port)
	}
	return fmt.Sprintf("sudo lsof -nP -iTCP:%d -sTCP:LISTEN", port)
}

// checkLeftovers names each process and each cluster's files that a crashed lbdev has left.
func checkLeftovers(e *examination, ctx context.Context) []finding {
	s, ok := e.awaitStock(ctx)
	if !ok {
		return []finding{e.blind("leftovers")}
	}
	var found []finding
	for _, r := range s.relics {
		for _, p := range r.Processes {
			found = append(found, finding{"leftovers", problem, fmt.Sprintf("%s: pid %d%s, %s", r.title(), p.PID, portsOf(p), cut(command(p.Command))), "lbdev prune  ends and removes them"})
		}
		if len(r.Files) > 0 {
			found = append(found, finding{"leftovers", notable, fmt.Sprintf("%s: %s of a lbdev that has crashed", r.title(), count(len(r.Files), "file")), "lbdev prune  ends and removes them"})
		}
	}
	if n := len(s.unsure); n > 0 {
		found = append(found, finding{"leftovers", notable, fmt.Sprintf("in doubt: %s, pid %s, whose lbdev can't be seen from here", processes(n), joinInts(s.unsurePIDs())), "is it in a container, another user's, or an older version? lbdev prune  leaves them alone"})
	}
	if len(found) == 0 {
		return []finding{{"leftovers", fine, "none", ""}}
	}
	return found
}

// blind is what is left to say where nothing is known of lbdevs. Why the runtime folder can't be read is that check's business.
func (e *examination) blind(name string) finding {
	select {
	case <-e.taken:
		return finding{name, notable, "not known: the runtime folder can't be read", ""}
	default:
		return finding{name, notable, fmt.Sprintf("not known: looking took longer than %v", stockPatience), slowHint}
	}
}

func portsOf(p remnant) string {
	if len(p.Ports) == 0 {
		return ""
	}
	return ", port " + joinInts(p.Ports)
}

// command is a command line without its folder.
func command(line string) string {
	program, args, more := strings.Cut(line, " ")
	if filepath.IsAbs(program) {
		program = filepath.Base(program)
	}
	if more {
		program += " " + args
	}
	return printable(program)
}

// cut is a text that is not too long.
func cut(text string) string {
	if runes := []rune(text); len(runes) > maxCommand {
		return string(runes[:maxCommand-1]) + unicodeSigns.ellipsis
	}
	return text
}

// checkClusters says of each cluster that runs whether it answers.
func checkClusters(e *examination, ctx context.Context) []finding {
	s, ok := e.awaitStock(ctx)
	if !ok {
		return []finding{e.blind("clusters")}
	}
	var found []finding
	for _, f := range s.clusters {
		found = append(found, clusterFinding(f))
	}
	if len(found) == 0 {
		return []finding{{"clusters", fine, "none is running", ""}}
	}
	return found
}

func clusterFinding(f control.Found) finding {
	if f.Now == nil {
		who := f.Name
		if who == "" {
			who = "one without a state file"
		}
		if f.PID == 0 {
			return finding{"clusters", problem, who + " does not answer: " + f.Why, "end its lbdev, and start it again"}
		}
		if f.Status != control.Silent {
			return finding{
				"clusters", problem, fmt.Sprintf("%s (pid %d) has lost its socket", who, f.PID),
				fmt.Sprintf("it serves on; to control it again, end it with  kill %d  and start it anew", f.PID),
			}
		}
		return finding{
			"clusters", problem, fmt.Sprintf("%s (pid %d) does not answer: %s", who, f.PID, f.Why),
			fmt.Sprintf("was it stopped (Ctrl-Z)?  fg  in its terminal or  kill -CONT %d  wakes it", f.PID),
		}
	}
	ready := 0
	for _, w := range f.Now.Workers {
		if w.State == cluster.Ready {
			ready++
		}
	}
	return finding{"clusters", fine, fmt.Sprintf("%s (pid %d) at %s, %d of %d ready", f.Name, f.PID, f.Now.Front, ready, len(f.Now.Workers)), ""}
}

// checkFolder tries the folder out in which sockets and state files lie.
func checkFolder(*examination, context.Context) []finding {
	const name = "runtime folder"
	dir, err := control.Default()
	if err == nil {
		err = dir.Probe()
	}
	if place, ok := errors.AsType[*control.PlaceError](err); ok {
		return []finding{{name, problem, fmt.Sprintf("%s: %s", place.Dir, place.Why), place.Hint}}
	}
	if err != nil {
		return []finding{{name, problem, err.Error(), "set XDG_RUNTIME_DIR to a folder of yours"}}
	}
	text := string(dir) + ": yours"
	if info, err := os.Stat(string(dir)); err == nil && runtime.GOOS != "windows" {
		text += fmt.Sprintf(", mode %04o", info.Mode().Perm())
	}
	return []finding{{name, fine, text + ", works", ""}}
}
