package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

const (
	keepEvents   = 4096
	keepLines    = 16384
	keepLogBytes = 4 << 20
)

// ErrAllFailed is the verdict on a cluster in which every worker is failed, or ended and not to be started again, at
// least one of them by an error. ErrNeverReady is the one in which they ran but did not become ready in time.
var (
	ErrAllFailed  = errors.New("all workers failed")
	ErrNeverReady = errors.New("no worker became ready in time")
)

// A Cluster is N workers, the front before them, and what is known of both. Its methods may be called from any goroutine.
type Cluster struct {
	config    Config                 // as it was asked for in the beginning
	launch    atomic.Pointer[Config] // the same, with what Renew has changed since
	shares    atomic.Pointer[shares]
	world     world
	pool      *proxy.Pool
	proxy     *proxy.Proxy
	front     *front
	following *following // of a program that is the front; nil = the proxy is
	base      int
	sockets   string // the folder of the workers' sockets; empty = they listen on ports
	moved     []Move
	opened    time.Time

	events *Feed[Event]
	logs   *Feed[LogLine]

	history    history // of requests
	dashboard  atomic.Pointer[string]
	turnedAway atomic.Int64 // when a client was last told of that sent no header, in ns; see turnAway

	list       atomic.Pointer[[]*worker] // in the order of their numbers; changed by scale alone
	scaling    gate                      // one change of the list at a time
	last       map[int]uint64            // the last incarnation of each worker that was taken away; guarded by scaling
	balancing  sync.Mutex                // one change of it at a time
	rolling    sync.Mutex                // one rolling restart at a time
	trial      atomic.Pointer[worker]    // the first to run with what Renew has changed; nil = nobody has to show that it works
	goroutines sync.WaitGroup
	outputs    sync.WaitGroup  // of processes whose output has not ended
	patience   context.Context // ends when lbdev stops waiting for processes to end by themselves
	hurry      context.CancelFunc
	ending     atomic.Bool
	report     Report // of the shutdown

	settled sync.Once
	over    chan struct{}
	verdict error // set before over is closed
}

// New checks the Config and returns a cluster that does nothing yet. Its error joins every fault there is, each a
// *FieldError.
func New(config Config) (*Cluster, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	c := &Cluster{
		config:  config,
		pool:    proxy.NewPool(nil),
		events:  NewFeed[Event](keepEvents, 0, nil),
		logs:    NewFeed(keepLines, keepLogBytes, func(l LogLine) int { return len(l.Text) }),
		last:    map[int]uint64{},
		scaling: make(gate, 1),
		over:    make(chan struct{}),
	}
	c.proxy = &proxy.Proxy{
		Pool: c.pool, Trusted: config.Trusted, MaxBody: config.MaxBody, Hold: config.Hold, OnAccess: c.onAccess, ErrorPage: config.ErrorPage,
		Inspect: config.Inspect,
	}
	c.launch.Store(&c.config)
	c.shares.Store(config.shares())
	c.proxy.SetBadge(config.Badge)
	c.prepareFailover()
	c.world = world{start: startProcess, answers: answers, probe: probe, inquire: inquire, check: check}
	c.patience, c.hurry = context.WithCancel(context.Background())
	c.list.Store(new([]*worker))
	if other := config.Front; other != nil {
		c.following = newFollowing(other.Make(c))
		c.following.plan, c.following.more, c.following.settled = c.frontPlan, c.starting, c.frontSettled
		c.following.failed = func(err error) { c.notice("%v", err) }
		if err := c.refusedAtFirst(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func startProcess(config procs.Config) (process, error) { return procs.Start(config) }

// Open takes the front's port and the workers', and starts the workers. A port that was asked for and is taken is a
// *PortTakenError. After an error nothing is left open; otherwise the caller owes a Shutdown.
func (c *Cluster) Open() error {
	if err := c.reserve(c.choosePorts); err != nil {
		return err
	}
	for i := range c.moved {
		c.moved[i].findHolder()
	}
	if err := c.openSockets(); err != nil {
		c.front.abandon()
		return err
	}
	if err := c.rebalance(c.config.balancing()); err != nil { // not of a Config that New has checked
		c.closeSockets()
		c.front.abandon()
		return err
	}
	c.opened = time.Now()
	workers := c.seatOut(c.config.workers())
	if c.following != nil {
		if err := c.openOther(); err != nil {
			c.following.close(c.patience, 0)
			c.closeSockets()
			return err
		}
	} else {
		c.front.serve()
	}
	c.run(workers)
	return nil
}

// choosePorts chooses the workers' ports, which it returns, and opens the front.
func (c *Cluster) choosePorts(promised Promises) ([]int, error) {
	if err := c.chooseBase(promised); err != nil {
		return nil, err
	}
	address, err := c.chooseFront(promised)
	if err != nil {
		return nil, err
	}
	if c.front, err = openFront(address, &c.config, c.proxy, c.turnAway); err != nil {
		return nil, err
	}
	return c.ports(c.config.workers()), nil
}

// ports are those of n workers.
func (c *Cluster) ports(n int) []int {
	ports := make([]int, n)
	for i := range ports {
		ports[i] = c.base + i
	}
	return ports
}

// chooseBase finds worker 1's port: the one that was asked for, if the whole block is free, or a block that keeps clear of
// the front.
func (c *Cluster) chooseBase(promised Promises) error {
	n, fronts := c.config.workers(), c.config.frontPorts()
	if c.config.BasePort == 0 {
		base, moved, err := freeBlock("workers", defaultBasePort, n, promised, append(fronts, DashboardPort)...)
		c.base = base
		c.note(moved)
		return err
	}
	c.base = c.config.BasePort
	for i, port := range c.ports(n) {
		if c.config.Listen != "" && slices.Contains(fronts, port) {
			return &FieldError{Field: "Listen", Err: fmt.Errorf("cannot open the front on port %d: it is worker %d's", port, i+1)}
		}
		if promised.taken(port) {
			return &PortTakenError{Worker: i + 1, Port: port, Holder: promised.holder(port)}
		}
	}
	return nil
}

// chooseFront returns the front's address: the one that was asked for, or a free port that is no worker's.
func (c *Cluster) chooseFront(promised Promises) (string, error) {
	if c.config.Listen != "" {
		return c.config.Listen, nil
	}
	taken := append(c.config.frontPorts()[1:], DashboardPort)
	taken = append(taken, c.ports(c.config.workers())...)
	port, moved, err := freeBlock("front", defaultFrontPort, 1, promised, taken...)
	c.note(moved)
	return net.JoinHostPort(workerHost, strconv.Itoa(port)), err
}

func (c *Cluster) note(m *Move) {
	if m != nil {
		c.moved = append(c.moved, *m)
	}
}

// Moved tells what did not get its default port.
func (c *Cluster) Moved() []Move { return c.moved }

// portOf is the port of an address, 0 where it has none.
func portOf(address string) int {
	if strings.HasPrefix(address, unixPrefix) {
		return 0
	}
	_, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	return port
}

// frontPorts are the TCP ports that the front has or, as far as nothing was asked for, wants; its own first.
func (c *Config) frontPorts() []int {
	ports := []int{defaultFrontPort}
	if c.Listen != "" {
		ports[0] = portOf(c.Listen)
	}
	for _, address := range slices.Concat(c.MoreListen, []string{c.Redirect}) {
		if port := portOf(address); port != 0 {
			ports = append(ports, port)
		}
	}
	return ports
}

// grow adds workers until there are n.
func (c *Cluster) grow(n int) { c.run(c.seatOut(n)) }

// seatOut is seat for workers that another front gets to know of when they are ready.
func (c *Cluster) seatOut(n int) []*worker {
	workers := c.seat(n)
	for _, w := range workers {
		w.out = true
		w.publishStatus(Event{})
	}
	return workers
}

// seat makes those workers that are missing until there are n. They do nothing yet.
func (c *Cluster) seat(n int) []*worker {
	workers := slices.Clone(c.all())
	first := len(workers)
	for i := first; i < n; i++ {
		w := newWorker(c, i+1, c.base+i)
		w.incarnation = c.last[w.worker] // its numbers go on where another worker of this number left off
		workers = append(workers, w)
	}
	c.list.Store(&workers)
	return workers[first:]
}

// run starts workers.
func (c *Cluster) run(workers []*worker) {
	for _, w := range workers {
		c.goroutines.Go(w.loop)
	}
}

func (c *Cluster) all() []*worker { return *c.list.Load() }

// FrontURL is where people open the front.
func (c *Cluster) FrontURL() string { return c.front.url() }

// HasDashboard has snapshots say where the dashboard is.
func (c *Cluster) HasDashboard(url string) { c.dashboard.Store(&url) }

// DashboardURL is where the dashboard is, empty if there is none.
func (c *Cluster) DashboardURL() string {
	if url := c.dashboard.Load(); url != nil {
		return *url
	}
	return ""
}

// Openings are the addresses at which the front is reached, the one of FrontURL first.
func (c *Cluster) Openings() []Opening { return c.front.all() }

// Argv is the command line of the worker with this port, nil if there is none.
func (c *Cluster) Argv(port int) []string {
	for _, w := range c.all() {
		if w.port == port {
			return w.argv(c.launch.Load().Command)
		}
	}
	return nil
}

// Ports are the workers' ports in the order of their numbers.
func (c *Cluster) Ports() []int {
	var ports []int
	for _, w := range c.all() {
		ports = append(ports, w.port)
	}
	return ports
}

// Events is the feed of what happens to the workers, Logs that of what they print.
func (c *Cluster) Events() *Feed[Event] { return c.events }

// Logs is the feed of what the workers print.
func (c *Cluster) Logs() *Feed[LogLine] { return c.logs }

// publish gives the event its number and time.
func (c *Cluster) publish(e Event) {
	e.Time, e.Log = time.Now(), c.logs.Last()
	c.events.Append(e, func(e *Event, n uint64) { e.Seq = n })
}

// Announce tells everybody who follows the events something about the cluster as a whole.
func (c *Cluster) Announce(text string) { c.notice("%s", text) }

// notice tells people something about the cluster as a whole.
func (c *Cluster) notice(format string, args ...any) {
	c.publish(Event{Kind: KindNotice, Text: fmt.Sprintf(format, args...)})
}

// turnAwayEvery is how often people are told of clients without the PROXY protocol's header. What sends none goes on so.
const turnAwayEvery = 5 * time.Second

// turnAway tells of a client that is turned away before it could ask for anything: it gets no answer that would say why.
func (c *Cluster) turnAway(client net.Addr, err error) {
	last, now := c.turnedAway.Load(), time.Now().UnixNano()
	if now-last >= int64(turnAwayEvery) && c.turnedAway.CompareAndSwap(last, now) {
		host, _, splitErr := net.SplitHostPort(client.String())
		if splitErr != nil { // of a unix socket
			host = "a client"
		}
		c.notice("%s turned away: %v", host, err)
	}
}

// Over is closed when the cluster can do nothing more by itself: see ErrAllFailed. Verdict says why.
func (c *Cluster) Over() <-chan struct{} { return c.over }

// Verdict is nil, ErrAllFailed or ErrNeverReady. It is known once Over is closed.
func (c *Cluster) Verdict() error { return c.verdict }

// settle closes over when the last worker has come to its end. The worker that is last to publish its end sees that all
// others have.
func (c *Cluster) settle() {
	if c.trial.Load() != nil {
		return // its end is not the last word: see endTrial
	}
	workers := c.all()
	var failed, late bool
	for _, w := range workers {
		s := w.seen.Load()
		if !s.over {
			return
		}
		failed = failed || s.failed
		late = late || s.late
	}
	c.settled.Do(func() {
		switch {
		case late:
			c.verdict = ErrNeverReady
		case failed:
			c.verdict = ErrAllFailed
		}
		close(c.over)
	})
}
