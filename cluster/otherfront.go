package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

// An OtherFront is a program that has the front's addresses in place of the proxy: nginx, HAProxy …
type OtherFront struct {
	Name    string // as people type it
	Version string
	// Make makes what runs it. It does nothing until the first Follow.
	Make func(told FrontTold) Front
}

// A Front runs such a program.
type Front interface {
	// Refuse says what the program cannot do of this; nil = it can. The error is in words for people.
	Refuse(Balanced) error
	// Follow has the program do what the plan says. The first one starts it, and returns when clients can come. A later one returns
	// when no request that comes gets by the plan before; done is closed when the last one that had come before is over. ctx ends
	// the wait, and the program may go either way then.
	Follow(ctx context.Context, plan FrontPlan) (done <-chan struct{}, err error)
	// Close has it take nothing new, finish what it has, and end. What is left when ctx ends is killed. Nothing is told after Close.
	Close(ctx context.Context)
}

// A FrontPlan is what such a program is to do.
type FrontPlan struct {
	Listen  []string // host:port
	Workers []FrontWorker
	Balanced
	Cookie string // the name of our own cookie
}

// A FrontWorker is one of those between which it chooses.
type FrontWorker struct {
	Number, Port int
	Socket       string // where it listens in place of its port; empty = it does not
	Weight       int
	Backup       bool
	Down         bool // somebody has taken it out: it was drained, paused or stopped, or has not been ready since it was started
}

// A FrontTold hears what becomes of the program. All of it may be called from any goroutine.
type FrontTold interface {
	Observed(*proxy.Access)        // a request is over: see proxy.Proxy
	Said([]procs.Line)             // it has printed something
	Is(p FrontProgram, why string) // it is in another state; why, if not empty, is what people should be told
}

// A FrontProgram is such a program at one moment.
type FrontProgram struct {
	Name     string            `json:"name"`
	Version  string            `json:"version"`
	PID      int               `json:"pid"` // 0 without a process
	State    FrontProgramState `json:"state"`
	Restarts int               `json:"restarts"`
}

// A FrontProgramState is what it is doing.
type FrontProgramState string

// The states of a program.
const (
	FrontStarting  FrontProgramState = "starting"
	FrontReady     FrontProgramState = "ready"
	FrontReloading FrontProgramState = "reloading" // it serves, and is being told of a change
	FrontBackoff   FrontProgramState = "backoff"   // it has died, and is started again in a moment
	FrontStopped   FrontProgramState = "stopped"
)

// A FrontLimitError says that something is not to be had with another front.
type FrontLimitError struct {
	Name string // the program's
	Err  error  // what it cannot do, in words that begin with "cannot"
}

func (e *FrontLimitError) Error() string { return e.Err.Error() }
func (e *FrontLimitError) Unwrap() error { return e.Err }

func (o *OtherFront) limit(format string, args ...any) error {
	return &FrontLimitError{o.Name, fmt.Errorf(format, args...)}
}

// Observed, Said and Is make the cluster a FrontTold.
func (c *Cluster) Observed(a *proxy.Access) { c.proxy.Observed(a) }

// Said is for the program's output.
func (c *Cluster) Said(lines []procs.Line) {
	c.logs.AppendAll(len(lines), func(i int) LogLine { return LogLine{Line: lines[i], From: c.config.Front.Name} })
}

// Is is for what the program is doing.
func (c *Cluster) Is(p FrontProgram, why string) {
	c.following.is.Store(&p)
	if p.State != FrontReady || why != "" { // that it is ready with all that was asked for is told by frontSettled
		c.publish(Event{Kind: KindFront, PID: p.PID, Program: &p, Restarts: p.Restarts, Text: why})
	}
}

// frontSettled tells that the program knows of all that has changed.
func (c *Cluster) frontSettled() {
	if p := c.frontProgram(); p != nil && p.State == FrontReady {
		c.publish(Event{Kind: KindFront, PID: p.PID, Program: p, Restarts: p.Restarts})
	}
}

// frontProgram is what snapshots say of it; nil = the front is ours. As long as a change has not reached it, it is reloading.
func (c *Cluster) frontProgram() *FrontProgram {
	if c.following == nil {
		return nil
	}
	p := c.following.is.Load()
	if p == nil {
		return nil
	}
	now := *p
	if now.State == FrontReady && c.following.behind() {
		now.State = FrontReloading
	}
	return &now
}

// reserveFront finds out whether another front can have its addresses. It takes them itself: with a listener of ours, even an idle
// one, it could not.
func reserveFront(address string, config *Config) (*front, error) {
	f := &front{}
	for _, a := range append([]string{address}, config.MoreListen...) {
		l, err := listen(a)
		if err != nil {
			return nil, err
		}
		f.openings = append(f.openings, opening{promised{l.Addr()}, config.scheme()})
		l.Close()
	}
	return f, nil
}

// promised is an address at which another program is going to listen.
type promised struct{ addr net.Addr }

func (p promised) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (p promised) Addr() net.Addr            { return p.addr }
func (p promised) Close() error              { return nil }

// frontPlan is what the program is to do now.
func (c *Cluster) frontPlan() FrontPlan {
	p := FrontPlan{Balanced: c.Balanced(), Cookie: c.cookieName()}
	for _, o := range c.front.openings {
		p.Listen = append(p.Listen, o.Addr().String())
	}
	for _, w := range c.all() {
		weight, backup := w.backend.Share()
		p.Workers = append(p.Workers, FrontWorker{
			Number: w.worker, Port: w.port, Socket: w.socket, Weight: weight, Backup: backup, Down: w.seen.Load().out,
		})
	}
	return p
}

// validateOtherFront reports what is asked for and needs the proxy: what would do nothing must not look as if it did.
func (c *Config) validateOtherFront(fault func(field, format string, args ...any)) {
	name := c.Front.Name
	for _, is := range []struct {
		field string
		set   bool
		what  string
	}{
		{"Mode", c.Mode == ModeTCP, "balance connections in mode tcp"},
		{"Redirect", c.Redirect != "", "redirect from " + c.Redirect + " to https"},
		{"MaxConns", c.MaxConns != 0, "bound the number of connections"},
		{"ProxyProtocol", c.ProxyProtocol, "expect the PROXY protocol"},
		{"Trusted", len(c.Trusted) > 0, "believe X-Forwarded fields"},
		{"RetryUnsafe", c.RetryUnsafe, "send POST requests again"},
		{"WorkerConcurrency", c.WorkerConcurrency != 0, "bound how many requests a worker has at a time"},
		{"EjectAfter", c.EjectAfter != 0, "take workers out for their answers of 5xx"},
		{"Badge", c.Badge, badgeIs},
	} {
		if is.set {
			fault(is.field, "%w", c.Front.limit("cannot %s with %s as the front", is.what, name))
		}
	}
	for _, address := range append([]string{c.Listen}, c.MoreListen...) {
		if strings.HasPrefix(address, unixPrefix) {
			fault("Listen", "%w", c.Front.limit("cannot listen on %q with %s as the front: it must be a port", address, name))
		}
	}
}

// needsProxy is the error of what only the proxy can do; nil = the front is ours.
func (c *Cluster) needsProxy(what string) error {
	if c.config.Front == nil {
		return nil
	}
	return c.config.Front.limit("cannot %s: the front is %s", what, c.config.Front.Name)
}

// refused is what another front cannot do of a change of the balancing; nil = it can, or the front is ours.
func (c *Cluster) refused(b Balancing) error {
	if c.following == nil {
		return nil
	}
	next := c.Balanced()
	if b.Policy != nil {
		next.Policy = *b.Policy
	}
	if b.Sticky != nil {
		next.Sticky = *b.Sticky
	}
	if b.SlowStart != nil {
		next.SlowStart = *b.SlowStart
	}
	if err := c.following.front.Refuse(next); err != nil {
		return &FrontLimitError{c.config.Front.Name, err}
	}
	return nil
}

// refusedAtFirst is what another front cannot do of the Config.
func (c *Cluster) refusedAtFirst() error {
	all := c.config.balancing()
	for _, part := range []struct {
		field string
		b     Balancing
	}{
		{"Upstream", Balancing{}}, {"SlowStart", Balancing{SlowStart: all.SlowStart}}, {"Sticky", Balancing{Sticky: all.Sticky}}, {"Policy", all},
	} {
		if err := c.refused(part.b); err != nil {
			return &FieldError{Field: part.field, Err: err}
		}
	}
	return nil
}

// takenOut says whether a worker that comes into this state was taken out by somebody's hand, and not by its death: another front is told
// of that, while it finds deaths by itself. What is started by hand comes in when it is ready.
func (w *worker) takenOut(s State, e Event) bool {
	switch s {
	case Ready, Unresponsive:
		return false
	case Drained, Paused:
		return true
	case Stopping:
		return w.out || e.Reason == ""
	case Stopped:
		return w.out || !w.over
	}
	return w.out
}

// openOther starts the program at the front's addresses.
func (c *Cluster) openOther() error {
	err := c.following.open(c.frontPlan())
	if errors.Is(err, context.Canceled) {
		return errEnding
	}
	return err
}

// starting says whether a worker that the program is to get to know is about to be ready.
func (c *Cluster) starting() bool {
	for _, w := range c.all() {
		if s := w.seen.Load(); s.out && s.State == Starting {
			return true
		}
	}
	return false
}
