package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/cluster/dashboard"
	"github.com/lbdev/lbdev/procs"
)

// A door is how other terminals get at the cluster that up runs: the claim to its name, and the server at its socket. Where
// the runtime folder can't be used there is none, which is a nil door: up serves on without.
type door struct {
	mu     sync.Mutex // for claim
	claim  *control.Claim
	server *control.Server
	board  string             // the dashboard's URL, with its token
	cancel context.CancelFunc // ends keep
	kept   sync.WaitGroup
}

// openDoor claims the cluster's name. A cluster of this name that runs is an error; a runtime folder that can't be used is
// a warning.
func openDoor(name string) (d *door, warning string, err error) {
	dir, err := control.Default()
	if err != nil {
		return nil, noDoor(err), nil
	}
	folder, _ := os.Getwd() // without it the cluster is found by its name
	started, _ := procs.StartTime(os.Getpid())
	claim, err := dir.Claim(control.Info{
		Name: name, Folder: folder, Version: buildVersion().Version, ProcStart: started, Mark: procs.OurMark(),
	})
	if taken, ok := errors.AsType[*control.NameTakenError](err); ok {
		return nil, "", &commandError{
			code: exitFailed, err: taken,
			hint: "end it with  lbdev down --name " + commandLine([]string{taken.Name}) + " , or give this one another name:  lbdev up --name OTHER …",
		}
	}
	if err != nil {
		return nil, noDoor(err), nil
	}
	return &door{claim: claim}, "", nil
}

func noDoor(err error) string {
	text := "warning: other terminals can't control this cluster: " + err.Error()
	if place, ok := errors.AsType[*control.PlaceError](err); ok && place.Hint != "" {
		text += "; " + place.Hint
	}
	return text
}

// reserve has ports chosen while no other lbdev does.
func (d *door) reserve(choose func(cluster.Promises) ([]int, error)) error {
	if d == nil {
		_, err := choose(nil)
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.claim.Reserve(choose)
}

// serve lets others in, to what server answers; they are told where the dashboard is, if there is one.
func (d *door) serve(c *cluster.Cluster, server *control.Server, board *dashboard.Server) {
	if d == nil {
		return
	}
	if board != nil {
		d.board = board.URL()
	}
	d.server = server
	d.server.Token = d.claim.Token()
	d.server.Open(d.claim.Listener())
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.update(c)
	d.kept.Go(func() { d.keep(ctx, c) })
}

// keep is the goroutine that writes down which ports the workers have when their number changes.
func (d *door) keep(ctx context.Context, c *cluster.Cluster) {
	events := c.Events().Reader(0, false)
	defer events.Close()
	for {
		if _, _, err := events.Next(ctx, nil); err != nil {
			return
		}
		d.update(c)
	}
}

// update writes the state file, if something in it has changed. It is a help for prune and no more: that it can't be
// written is no reason to bother anybody.
func (d *door) update(c *cluster.Cluster) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ports := c.Ports()
	info := d.claim.Info()
	if info.Front == c.FrontURL() && slices.Equal(info.Ports, ports) {
		return
	}
	d.claim.Update(func(info *control.Info) {
		info.Front, info.BasePort, info.Ports, info.Dashboard = c.FrontURL(), ports[0], ports, d.board
	})
}

// doorPatience is how long those who are still connected may take for their last answer.
const doorPatience = time.Second

// close gives the name back. It is the last thing that up does.
func (d *door) close() {
	if d == nil {
		return
	}
	if d.server != nil {
		d.cancel()
		d.kept.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), doorPatience)
		defer cancel()
		d.server.Close(ctx) // its error is somebody who does not read
	}
	d.claim.Close() // its error is a file that is left, which the next one removes
}
