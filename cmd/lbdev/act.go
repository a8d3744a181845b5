package main

import (
	"context"

	"github.com/lbdev/lbdev/proxy"
)

// An act is what lbdev does by itself with a cluster while it is open: the demo. The zero value does nothing, as in up.
type act struct {
	// access is told of each request, after the screen; from the goroutine that served it. The record is valid during the
	// call only.
	access func(*proxy.Access)
	// dress changes how people see what happens.
	dress func(*textPrinter) printer
	// play is the act itself. When it returns the session ends the cluster, and its error is the session's. When ctx ends it
	// has to return, but may take as long as the cluster takes to end.
	play func(ctx context.Context, s *session) error
}

// A remark is what an act says: it appends it to buf, in the form that the screen has.
type remark func(buf []byte) []byte

// A playing is an act under way.
type playing struct {
	cancel context.CancelFunc
	over   chan struct{} // closed when play has returned; nil without an act
	err    error         // what it returned; set before over is closed
}

// perform starts the act, if there is one. Whoever calls it owes a stop and, when the cluster has ended, a wait for over.
func (s *session) perform() *playing {
	p := &playing{cancel: func() {}}
	if s.plan.act.play == nil {
		return p
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.over = cancel, make(chan struct{})
	go s.play(ctx, p)
	return p
}

// play is the goroutine of the act; run waits for it.
func (s *session) play(ctx context.Context, p *playing) {
	defer close(p.over)
	p.err = s.plan.act.play(ctx, s)
}

// await waits for the end of an act that was told to end.
func (p *playing) await() {
	if p.over != nil {
		<-p.over
	}
}

// watched tells the act of a request as well as the screen. The screen is first: what the act says of a request comes
// after its line.
func (a *act) watched(show func(*proxy.Access)) func(*proxy.Access) {
	if a.access == nil {
		return show
	}
	return func(r *proxy.Access) {
		show(r)
		a.access(r)
	}
}

func (a *act) dressed(t *textPrinter) printer {
	if a.dress == nil {
		return t
	}
	return a.dress(t)
}

// remark shows what an act says, behind all that has happened before: it speaks of that. It waits for the screen, which a
// terminal can stop for long; it gives up when ctx ends.
func (s *session) remark(ctx context.Context, r remark) {
	if ctx.Err() != nil {
		return
	}
	select {
	case s.screen.remarks <- r:
	case <-ctx.Done():
	}
}
