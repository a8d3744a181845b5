package proxy

import (
	"strconv"
	"time"
)

// A request that kills whoever runs it must not kill all workers in turn. But a request that was merely there when they were killed
// has to be answered.

const (
	// maxDeaths bounds the workers that may die on one request, as far as it may be the reason.
	maxDeaths = 3
	// maxExecutions bounds the losses of all kinds: the kernel's OOM killer uses SIGKILL as well, as people do.
	maxExecutions = 16
	// calm is how long the others are watched after two workers have died on one request, and calmPoll how often one looks.
	calm     = 100 * time.Millisecond
	calmPoll = 10 * time.Millisecond
	// recently is how long the loss of a worker counts as a part of the same misfortune.
	recently = time.Second
)

// A toll is how often a worker was lost with a request.
type toll struct {
	all     int
	suspect int // as far as the request may be the reason
	open    int // as far as nothing is known yet
}

func (x *exchange) toll() (sum toll) {
	for i := range x.tried {
		t := &x.tried[i]
		sum.all += t.deaths + t.closed
		switch {
		case t.up.excused.Load():
		case t.up.away.Load():
			sum.suspect += t.deaths + t.closed
		default: // if it lives on, it has only closed a connection that was idle for too long
			sum.suspect += t.deaths
			sum.open += t.closed
		}
	}
	return sum
}

// poisonous says whether the request is to be given up after a worker has died. It waits a moment for what is told of the deaths,
// as connections end before anybody knows why: that a process was killed, or that a worker which never had the request has died too.
// Then all were killed at once, and the request happened to be sent to two of them in between.
func (x *exchange) poisonous() bool {
	end := time.Now().Add(calm)
	poll := time.NewTicker(calmPoll)
	defer poll.Stop()
	for {
		sum := x.toll()
		switch {
		case sum.all >= maxExecutions:
			return true
		case sum.suspect+sum.open < 2:
			return false
		case time.Now().After(end):
			return sum.suspect >= maxDeaths || sum.suspect == 2 && !x.proxy.Pool.lostOthers(x.tried, end.Add(-recently))
		}
		select {
		case <-poll.C:
		case <-x.r.Context().Done():
			return false // whatever is done next ends because of that
		}
	}
}

// lostOthers says whether a worker which did not execute the request was lost since then.
func (p *Pool) lostOthers(executed []tried, since time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.backends {
		had := false
		for i := range executed {
			had = had || executed[i].sent && executed[i].up.backend == b
		}
		if !had && b.lost.Load() > since.UnixNano() {
			return true
		}
	}
	return false
}

// deathList lists where the request was lost: "8000 reset, 8001 closed".
func (x *exchange) deathList() string {
	text := ""
	for i := range x.record.Attempts {
		a := &x.record.Attempts[i]
		if a.Sent {
			if text != "" {
				text += ", "
			}
			text += strconv.Itoa(a.Port) + " " + a.Result
		}
	}
	return text
}
