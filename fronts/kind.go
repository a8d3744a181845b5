//go:build unix

package fronts

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/templates/export"
)

// A kind is what differs between the programs.
type kind struct {
	name, title string
	programs    []string // what its file may be called
	version     string   // the flag that has it print its version

	// adapt changes what the piece is made of; nil = nothing.
	adapt func(r *room, c *export.Cluster) error
	// wrap makes the main file around the piece that the export has; it may change the piece as little as the log needs.
	wrap func(ctx context.Context, r *room, piece string) (map[string]string, error)
	// argv runs it in the foreground; check, if not nil, says whether its files are right.
	argv  func(r *room) []string
	check func(r *room) []string
	// reload has the running program take up its files. nil = the signal does it.
	reload       func(ctx context.Context, r *room) error
	reloadSignal os.Signal
	stopSignal   os.Signal // finish what there is, then end
	// hear says what a line of its output or log means to us.
	hear func(line string) omen
	// reader reads its log. It is asked for anew at each start.
	reader func(r *room) reader
}

// An omen is what a line of output means.
type omen struct {
	ready   bool   // those who serve by the files of now take requests
	left    int    // the pid of a process that takes nothing new any more
	born    int    // the pid of a process that begins; before ready it is one of the old ones
	all     bool   // none of the old processes takes anything new
	leaving bool   // it has been told to end
	show    string // what people should see of it; empty = nothing
}

// A reader makes records of the lines of a log. A line that is none is handed back, as output.
type reader interface {
	read(line string) (a *proxy.Access, said string)
}

// A counter is a reader that knows of its program who has requests.
type counter interface{ busy(ports []int) bool }

// A room is the folder in which a program runs.
type room struct {
	program *Program
	dir     string
	user    string         // who we are, if we are root and the program would change to somebody else; empty otherwise
	cluster export.Cluster // as the program is told of it; the loop's

	known atomic.Pointer[[]export.Worker] // all that there have been: a log may speak of one that is gone
}

// The files in it.
func (r *room) path(name string) string { return filepath.Join(r.dir, name) }
func (r *room) fifo() string            { return r.path("log") }

// out are the ports of workers that get nothing new, though they were there before.
func (r *room) out(before export.Cluster) (ports []int) {
	for _, was := range before.Workers {
		i := slices.IndexFunc(r.cluster.Workers, func(w export.Worker) bool { return w.Port == was.Port })
		if i < 0 || r.cluster.Workers[i].Down || r.cluster.Workers[i].Weight == 0 {
			ports = append(ports, was.Port)
		}
	}
	return ports
}

// port is that of the worker at an address of a log: host:port, or a socket's path. 0 = it is none of them.
func (r *room) port(address string) int { return portAt(r.workers(), address) }

func (r *room) workers() []export.Worker {
	if all := r.known.Load(); all != nil {
		return *all
	}
	return nil
}

// serve is for what the program is to be told from now on.
func (r *room) serve(c export.Cluster) {
	r.cluster = c
	all := slices.Clone(r.workers())
	for _, w := range c.Workers {
		if !slices.ContainsFunc(all, func(was export.Worker) bool { return was.Port == w.Port }) {
			all = append(all, w)
		}
	}
	r.known.Store(&all)
}
