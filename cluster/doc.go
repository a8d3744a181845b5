// Package cluster keeps N copies of a command alive behind one balancing front.
//
// It is the one place that knows both processes (package procs) and the proxy (package proxy), and introduces them to
// each other. A Cluster is made by New, which checks its Config, comes to life with Open, which takes the ports at once
// so that a taken one is an error and not a log line, and ends with Shutdown, which reports who had to be killed.
//
//	c, err := cluster.New(cluster.Config{Command: []string{"python", "manage.py", "runserver", "{port}"}})
//	if err != nil { … }
//	if err := c.Open(); err != nil { … }
//	defer c.Shutdown(ctx)
//
// # Workers
//
// Each worker has one goroutine that owns all of its state (worker.go). The others send it requests with a reply
// channel, or read an immutable snapshot. Its states, and what leads from one to the next:
//
//	                 ┌──────────── backoff ◄───────────┐ the process ended
//	                 ▼                                  │
//	stopped ──► starting ──► ready ⇄ unresponsive ──────┤
//	   ▲            │          ⇅                        │
//	   │            │    drained, paused ───────────────┤
//	   │            ▼                                   │
//	   └──────── stopping ◄── any state with a process ─┘
//
//	failed: three deaths or refused starts in a row before it was ever ready, or a program that cannot be started. Start or
//	restart by hand leads out of it; a stop leads from backoff and failed to stopped.
//
// A run of the process is an incarnation and has a number; what comes late from an older one is recognised and ignored.
// There are never two live incarnations of a worker: a new one starts when the whole tree of the old one is gone.
//
// # What happened
//
// Events (state changes and notices) and log lines are two feeds, each in the order in which it happened and with
// numbers that grow by one. An event knows the number of the log line before it. An exit is published after the last words of the process, so long as they arrive within
// 100 ms of its death. Readers go at their own pace; see Feed for what becomes of slow ones.
//
// The package neither prints nor exits; it knows nothing of terminals, flags or hints.
package cluster
