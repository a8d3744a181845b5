package cluster

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"time"
)

const (
	// The prober asks often at first, so that a worker that starts fast is found fast, and more seldom later: asking a
	// port where nobody listens costs about 50 µs.
	firstProbe   = 2 * time.Millisecond
	fastProbes   = 20 * time.Millisecond
	slowProbes   = 100 * time.Millisecond
	fastProbeFor = 5 * time.Second
	// probePatience is how long the first answer may take before another connection is tried. It doubles each time: the
	// first request of a big application can take long, and one that is asked again starts anew.
	probePatience = 5 * time.Second
	// wrongPortAfter is when a worker that does not listen is asked where it does.
	wrongPortAfter = 1500 * time.Millisecond
)

// probe waits until the worker's process answers as Config.Ready wants it, and says whether it did; no means that ctx
// ended.
func probe(ctx context.Context, w *worker, r *run) bool {
	p := prober{w: w, r: r, patience: probePatience, looked: wrongPortAfter}
	p.client = &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: p.dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for wait := firstProbe; ; wait = p.next(wait) {
		if p.ask(ctx) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-r.proc.Done():
			return false
		case <-time.After(wait):
		}
		p.lookElsewhere()
	}
}

// A prober asks one incarnation whether it is ready.
type prober struct {
	w        *worker
	r        *run
	client   *http.Client
	patience time.Duration // with the next answer
	looked   time.Duration // age of the incarnation at which to look where else it listens
}

func (p *prober) age() time.Duration { return time.Since(p.r.started) }

func (p *prober) next(wait time.Duration) time.Duration {
	if p.age() > fastProbeFor {
		return slowProbes
	}
	return min(2*wait, fastProbes)
}

// dial tries both loopbacks: some servers listen on ::1 only.
func (p *prober) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	var d net.Dialer
	port := strconv.Itoa(p.w.port)
	conn, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		conn, err = d.DialContext(ctx, network, net.JoinHostPort("::1", port))
	}
	if err == nil && conn.LocalAddr().String() == conn.RemoteAddr().String() {
		conn.Close() // TCP's simultaneous open: we met ourselves
		return nil, fmt.Errorf("cannot connect to port %s: connection refused", port)
	}
	return conn, err
}

func (p *prober) ask(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	c := &p.w.cluster.config
	if c.Ready == ReadyTCP {
		conn, err := p.dial(ctx, "tcp", "")
		if err != nil {
			return false
		}
		conn.Close()
		return p.ours()
	}
	path := "/"
	if c.ReadyPath != "" {
		path = p.w.expand(c.ReadyPath)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d%s", workerHost, p.w.port, path), nil)
	if err != nil {
		return false
	}
	req.Header.Set("User-Agent", "lbdev (readiness)")
	resp, err := p.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			p.patience *= 2
		}
		return false
	}
	resp.Body.Close()
	return (c.ReadyPath == "" || resp.StatusCode >= 200 && resp.StatusCode < 400) && p.ours()
}

// ours says whether it was our process that answered. Only Windows lets a stranger share the port unnoticed.
func (p *prober) ours() bool {
	if runtime.GOOS != "windows" {
		return true
	}
	h := lookUpHolder(p.w.port, shortLook)
	return h.PID == 0 || slices.Contains(p.r.proc.Tree(), h.PID)
}

// lookElsewhere tells, once, where a process listens that does not listen where it was told to.
func (p *prober) lookElsewhere() {
	if p.looked == 0 || p.age() < p.looked {
		return
	}
	ports := listeners(p.r.proc.Tree())
	switch {
	case slices.Contains(ports, p.w.port): // slow to answer, but in the right place
		p.looked = 0
	case len(ports) > 0:
		p.looked = 0
		p.w.publishWrongPort(p.r, ports)
	default:
		p.looked *= 2
	}
}

// publishWrongPort is called from the prober's goroutine and so touches nothing that belongs to the loop.
func (w *worker) publishWrongPort(r *run, ports []int) {
	w.cluster.publish(Event{
		Kind: KindWrongPort, Worker: w.worker, Port: w.port, Incarnation: r.incarnation, PID: r.proc.Pid(), Ports: ports,
		Text: fmt.Sprintf("worker %d listens on port %d, not on port %d that it was given", w.worker, ports[0], w.port),
	})
}
