package main

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// keepVisits bounds what is remembered of a step, should somebody load the front meanwhile.
const keepVisits = 10_000

// A visit is what the demo remembers of a request.
type visit struct {
	start       time.Time
	total       time.Duration
	port        int // who answered; 0 = nobody did
	incarnation uint64
	met         []proxy.Attempt // attempts that came to nothing
}

// figures are what happened to the requests of one step. They are counted by the proxy's goroutines and read by the demo's.
type figures struct {
	mu sync.Mutex // guards all below
	tally
	visits []visit // by the time of their end
}

// A tally is what a step's requests add up to.
type tally struct {
	requests  int
	failed    int // got an error that lbdev or a dead worker made, or half an answer
	appErrors int // a worker answered them with a status of 500 or more
	rescued   int
	held      int
	longest   time.Duration // that one was held
	slowest   time.Duration // from its start to its end
	slowPath  string        // what it asked for
	byPort    map[int]int
}

func (f *figures) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally, f.visits = tally{byPort: map[int]int{}}, nil
}

// add is called by the proxy for each request.
func (f *figures) add(a *proxy.Access) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if a.Total > f.slowest {
		f.slowest, f.slowPath = a.Total, a.Path
	}
	switch {
	case a.Outcome == proxy.Failed, a.Outcome == proxy.Cut:
		f.failed++
	case a.Status >= 500:
		f.appErrors++
	}
	if a.Outcome == proxy.Rescued {
		f.rescued++
	}
	if a.Held > 0 {
		f.held++
		f.longest = max(f.longest, a.Held)
	}
	if a.Port != 0 {
		f.byPort[a.Port]++
	}
	if len(f.visits) < keepVisits {
		f.visits = append(f.visits, visitOf(a))
	}
}

func visitOf(a *proxy.Access) visit {
	v := visit{start: a.Start, total: a.Total, port: a.Port}
	for i, at := range a.Attempts {
		if i == len(a.Attempts)-1 && a.Outcome != proxy.Failed && a.Outcome != proxy.Cut {
			v.incarnation = at.Incarnation
		} else {
			v.met = append(v.met, at)
		}
	}
	return v
}

// sum is the step's tally so far.
func (f *figures) sum() tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tally
	t.byPort = maps.Clone(f.byPort)
	return t
}

// count says for how many requests is says yes.
func (f *figures) count(is func(*visit) bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for i := range f.visits {
		if is(&f.visits[i]) {
			n++
		}
	}
	return n
}

// inTurn says whether each request was answered by the worker after the one that had answered the request before.
func (f *figures) inTurn(ports []int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	visits := slices.Clone(f.visits)
	slices.SortStableFunc(visits, func(a, b visit) int { return a.start.Compare(b.start) })
	for i := 1; i < len(visits); i++ {
		if at := slices.Index(ports, visits[i-1].port); at < 0 || visits[i].port != ports[(at+1)%len(ports)] {
			return false
		}
	}
	return len(visits) > len(ports)
}

// lostAt counts the requests that were lost with an incarnation of the worker with this port, and how many of them another
// worker answered.
func (f *figures) lostAt(port int, incarnation uint64) (lost, rescued int) {
	was := func(v *visit) bool {
		return slices.ContainsFunc(v.met, func(at proxy.Attempt) bool { return at.Port == port && at.Incarnation == incarnation })
	}
	return f.count(was), f.count(func(v *visit) bool { return was(v) && v.port != 0 && v.port != port })
}
