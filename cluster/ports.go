package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"

	psprocess "github.com/shirou/gopsutil/v4/process"

	"github.com/lbdev/lbdev/procs"
)

// DashboardPort is where people look for the dashboard: neither the front nor a worker moves there.
const DashboardPort = 8090

const (
	defaultBasePort  = 8000
	defaultFrontPort = 8080
	// longLook and shortLook are how long looking up the owner of a port may take: where that is all that is left to say,
	// and where a worker waits to be ready. It takes 10 ms, and a second on a machine that is very busy.
	longLook  = 5 * time.Second
	shortLook = time.Second
)

// refusedByBrowsers are the ports that browsers do not open (Fetch standard, "port blocking").
var refusedByBrowsers = []int{
	1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111,
	113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548,
	554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566,
	6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
}

// RefusedByBrowsers says whether browsers refuse to open the port.
func RefusedByBrowsers(port int) bool { return slices.Contains(refusedByBrowsers, port) }

// neverChosen says whether lbdev leaves a port alone unless it is asked for: browsers refuse it, or macOS' AirPlay
// receiver takes it.
func neverChosen(port int) bool { return port == 5000 || port == 7000 || RefusedByBrowsers(port) }

// A Holder is the process that listens on a port.
type Holder struct {
	PID     int
	Program string
}

func (h Holder) String() string {
	switch {
	case h.PID == 0:
		return "another program"
	case h.Program == "":
		return fmt.Sprintf("pid %d", h.PID)
	}
	return fmt.Sprintf("%q (pid %d)", h.Program, h.PID)
}

// A PortTakenError says that a port which is needed is in use.
type PortTakenError struct {
	Worker int    // 0 for the front
	What   string // what else is not opened, where it is neither: "metrics"
	Port   int
	Holder Holder // its PID is 0 where it is not known
}

func (e *PortTakenError) Error() string {
	what := "open the front"
	switch {
	case e.Worker > 0:
		what = fmt.Sprintf("start worker %d", e.Worker)
	case e.What != "":
		what = "open the " + e.What
	}
	return fmt.Sprintf("cannot %s: port %d is in use by %s", what, e.Port, e.Holder)
}

// Listen listens for something beside the front, which what names. A port that is taken is a *PortTakenError.
func Listen(what, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err == nil {
		return listener, nil
	}
	if port := portOf(address); isAddrInUse(err) {
		return nil, &PortTakenError{What: what, Port: port, Holder: holderOf(port, longLook)}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return nil, fmt.Errorf("cannot open the %s on %s: %w", what, address, err)
}

// ListenNear listens for something beside the front where its users look for it, at port, or at the next one that is free and that no
// worker has, here or in another cluster. It says what was in the way, if something was.
func (c *Cluster) ListenNear(what string, port int) (listener net.Listener, moved *Move, err error) {
	err = c.reserve(func(promised Promises) ([]int, error) {
		var err error
		listener, moved, err = c.listenNear(what, port, promised)
		return c.Ports(), err
	})
	if moved != nil {
		moved.findHolder()
	}
	return listener, moved, err
}

func (c *Cluster) listenNear(what string, port int, promised Promises) (net.Listener, *Move, error) {
	for {
		free, moved, err := freeBlock(what, port, 1, promised, c.Ports()...)
		if err != nil {
			return nil, nil, err
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(workerHost, strconv.Itoa(free)))
		switch {
		case isAddrInUse(err): // somebody has taken it at this moment
		case err != nil:
			return nil, nil, fmt.Errorf("cannot open the %s: %w", what, err)
		default:
			return listener, moved, nil
		}
	}
}

// portFree says whether nothing uses the port on any of the addresses on which a worker could be met: both loopbacks and
// both wildcards, since BSD lets a socket on 127.0.0.1 stand beside one on 0.0.0.0. The connects come on top because
// Windows lets two servers bind the same port without an error.
func portFree(port int) bool {
	if answers(port) {
		return false
	}
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "::1", "::"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			l.Close()
		} else if isAddrInUse(err) {
			return false
		}
	}
	return true
}

// answers says whether someone accepts connections on the port of either loopback. Unlike portFree it never listens
// itself, so that a request which is on its way to a worker that just died cannot be taken by us.
func answers(port int) bool {
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), 250*time.Millisecond)
		if err != nil {
			continue
		}
		self := conn.LocalAddr().String() == conn.RemoteAddr().String() // TCP's simultaneous open: we met ourselves
		conn.Close()
		if !self {
			return true
		}
	}
	return false
}

// awaitSilence waits until nobody answers on the port, at most for the given time, and says whether that came.
func awaitSilence(ctx context.Context, answers func(int) bool, port int, patience time.Duration) bool {
	deadline := time.Now().Add(patience)
	for wait := time.Millisecond; answers(port); wait = min(2*wait, 100*time.Millisecond) {
		if time.Now().Add(wait).After(deadline) || ctx.Err() != nil {
			return false
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return true
}

// holderOf finds the process that listens on a port; the zero Holder means that it is not known, as for a process of
// another user.
func holderOf(port int, patience time.Duration) Holder {
	h := Holder{PID: look(patience, func() int { return procs.Listener(port) })}
	if h.PID != 0 {
		if p, err := psprocess.NewProcess(int32(h.PID)); err == nil {
			h.Program, _ = p.Name() // without it the pid must do
		}
	}
	return h
}

// listeners are the ports that the processes listen on, ascending; nil means that this could not be found out.
func listeners(pids []int, patience time.Duration) []int {
	return look(patience, func() []int { return procs.Listeners(pids) })
}

// look runs a look at the system's tables for at most the given time; then the answer is the zero value. They are only
// looked at for what people are told, and so must keep nobody waiting: under Wine the call behind it takes a second and more.
func look[T any](patience time.Duration, find func() T) T {
	found := make(chan T, 1)
	go func() { found <- find() }()
	select {
	case answer := <-found:
		return answer
	case <-time.After(patience):
		return *new(T)
	}
}

// Promises are the ports that other lbdevs have chosen, and who they are. A worker may be about to listen on one, or stopped.
type Promises map[int]Holder

// taken says whether a port is in use, or promised to somebody.
func (p Promises) taken(port int) bool {
	_, promised := p[port]
	return promised || !portFree(port)
}

// holder is who has a port that is taken.
func (p Promises) holder(port int) Holder {
	if h, ok := p[port]; ok {
		return h
	}
	return holderOf(port, longLook)
}

// reserve has ports chosen while no other lbdev does, if somebody sees to that.
func (c *Cluster) reserve(choose func(Promises) ([]int, error)) error {
	if c.config.Reserve == nil {
		_, err := choose(nil)
		return err
	}
	return c.config.Reserve(choose)
}

// A Move says that something did not get the port it has by default, because that is taken.
type Move struct {
	What     string // "front" or "workers"
	From, To int    // From is the first port that could not be used
	Taken    bool   // someone uses it; otherwise it is the front's or one that lbdev never chooses
	Holder   Holder // who
}

// findHolder looks up who has the port, where it is not known yet.
func (m *Move) findHolder() {
	if m.Taken && m.Holder.PID == 0 {
		m.Holder = holderOf(m.From, longLook)
	}
}

// freeBlock finds the first block of n free ports from start on that contains none of avoid, and what was in the way of the
// first choice, if something was; its holder is known only of ports that are promised.
func freeBlock(what string, start, n int, promised Promises, avoid ...int) (base int, moved *Move, err error) {
	for base = start; base+n-1 <= 65535; {
		bad, free := firstBad(base, n, promised, avoid)
		if bad == 0 {
			if moved != nil {
				moved.To = base
			}
			return base, moved, nil
		}
		if moved == nil {
			moved = &Move{What: what, From: bad}
		}
		if !free && !moved.Taken {
			moved.From, moved.Taken, moved.Holder = bad, true, promised[bad]
		}
		base = bad + 10 - bad%10 // people read 8010…8013 more easily than 8003…8006
	}
	return 0, nil, fmt.Errorf("cannot find %d free ports in a row from %d up", n, start)
}

// firstBad returns the first port of the block that can't be used, or 0, and whether it is free all the same.
func firstBad(base, n int, promised Promises, avoid []int) (port int, free bool) {
	for port := base; port < base+n; port++ {
		if slices.Contains(avoid, port) || neverChosen(port) {
			return port, true
		}
		if promised.taken(port) {
			return port, false
		}
	}
	return 0, true
}

// isAddrInUse recognises a taken port; Windows has a number of its own for it.
func isAddrInUse(err error) bool {
	const wsaAddrInUse = syscall.Errno(10048)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse)
}

// isConnRefused recognises an address where nobody listens; Windows has a number of its own for it, too.
func isConnRefused(err error) bool {
	const wsaConnRefused = syscall.Errno(10061)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, wsaConnRefused)
}
