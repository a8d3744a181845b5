package main

import (
	"context"
	"os"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
)

// completePatience is how long somebody who presses TAB may wait for a cluster that does not answer; one that runs takes a
// millisecond, and some hundreds of them where its workers leave it little of a processor.
const completePatience = 500 * time.Millisecond

// An askRunning asks the clusters that run. name is the one that a command without --name means; if it is empty too, it is
// the one that was started from the current folder, or the only one.
type askRunning struct {
	name string
}

func (a askRunning) workers(name string) []cluster.WorkerSnapshot {
	ctx, cancel := context.WithTimeout(context.Background(), completePatience)
	defer cancel()
	if name == "" {
		name = a.name
	}
	dir, err := control.Default()
	if err != nil {
		return nil
	}
	folder, _ := os.Getwd() // one that was removed has no clusters
	found, err := dir.Find(ctx, name, folder)
	if err != nil || found.Now == nil {
		return nil
	}
	return found.Now.Workers
}

func (askRunning) clusters() []candidate {
	ctx, cancel := context.WithTimeout(context.Background(), completePatience)
	defer cancel()
	dir, err := control.Default()
	if err != nil {
		return nil
	}
	all, err := dir.List(ctx)
	if err != nil {
		return nil
	}
	var names []candidate
	for _, f := range all {
		switch f.Status {
		case control.Running:
			names = append(names, candidate{f.Name, count(len(f.Now.Workers), "worker") + " in " + f.Folder})
		case control.Silent:
			names = append(names, candidate{f.Name, string(f.Status)})
		}
	}
	return names
}
