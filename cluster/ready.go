package cluster

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// The prober asks often at first, so that a worker that starts fast is found fast, and more seldom later: asking a
	// port where nobody listens costs about 50 µs.
	firstProbe = 2 * time.Millisecond
	fastProbes = 20 * time.Millisecond
	slowProbes = 100 * time.Millisecond
	// refusedProbes is how often a worker is asked that answers, but not with what Config.ReadyPath wants.
	refusedProbes = 500 * time.Millisecond
	fastProbeFor  = 5 * time.Second
	// probePatience is how long the first answer may take before another connection is tried. It doubles each time: the
	// first request of a big application can take long, and one that is asked again starts anew.
	probePatience = 5 * time.Second
	// strangerPatience is how long a process that did not get its port may take to end.
	strangerPatience = time.Second
	// wrongPortAfter is when a worker that does not listen is asked where it does.
	wrongPortAfter = 1500 * time.Millisecond
)

// probe waits until the worker's process answers as Config.Ready wants it, and says whether it did; no means that ctx
// ended.
func probe(ctx context.Context, w *worker, r *run) bool {
	p := prober{w: w, r: r, patience: probePatience, looked: wrongPortAfter}
	p.client = w.client()
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
	refused  string        // its last answer, if it was not the one that is wanted
	looked   time.Duration // age of the incarnation at which to look where else it listens
}

func (p *prober) age() time.Duration { return time.Since(p.r.started) }

func (p *prober) next(wait time.Duration) time.Duration {
	if p.refused != "" {
		return refusedProbes // it is there, and writes a line for each
	}
	if p.age() > fastProbeFor {
		return slowProbes
	}
	return min(2*wait, fastProbes)
}

func (p *prober) ask(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	c := p.r.config
	if c.ready() == ReadyTCP {
		conn, err := p.w.dial(ctx, "", "")
		if err != nil {
			return false
		}
		conn.Close()
		return p.ours(ctx)
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
		switch {
		case ctx.Err() != nil:
			p.patience *= 2
		case c.Upstream == UpstreamH2C && strings.Contains(err.Error(), "HTTP/1.1 header"):
			p.refuse("it speaks HTTP/1 only, and --upstream h2c wants HTTP/2 without TLS")
		}
		return false
	}
	resp.Body.Close()
	p.refused = ""
	if c.ReadyPath != "" && (resp.StatusCode < 200 || resp.StatusCode >= 400) {
		p.refuse(fmt.Sprintf("GET %s is answered by %d", path, resp.StatusCode))
		return false
	}
	return p.ours(ctx)
}

// refuse notes why an answer does not prove readiness.
func (p *prober) refuse(why string) {
	p.refused = why
	p.r.refusal.Store(&why)
}

// ours says whether it was our process that answered. Two servers that start at the same moment can be after one port: the
// one that lost it ends within moments, and its worker must not count as ready because the other one answers. A port that
// a stranger holds for our process on purpose, as Docker's proxy does, is told of and accepted.
func (p *prober) ours(ctx context.Context) bool {
	if p.w.socket != "" {
		return true // nobody else may enter the folder of the sockets
	}
	ports := listeners(p.r.proc.Tree(), shortLook)
	if ports == nil || slices.Contains(ports, p.w.port) {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-p.r.proc.Done():
		return false
	case <-time.After(strangerPatience):
	}
	if slices.Contains(listeners(p.r.proc.Tree(), shortLook), p.w.port) {
		return true
	}
	if h := holderOf(p.w.port, shortLook); h.PID != 0 {
		p.w.cluster.publish(Event{
			Kind: KindNotice, Worker: p.w.worker, Port: p.w.port, Incarnation: p.r.incarnation,
			Text: fmt.Sprintf("port %d is answered by %s, which worker %d did not start", p.w.port, h, p.w.worker),
		})
	}
	return true
}

// lookElsewhere tells, once, where a process listens that does not listen where it was told to.
func (p *prober) lookElsewhere() {
	if p.looked == 0 || p.age() < p.looked {
		return
	}
	ports := listeners(p.r.proc.Tree(), longLook)
	switch {
	case p.w.socket == "" && slices.Contains(ports, p.w.port): // slow to answer, but in the right place
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
	given := fmt.Sprintf("port %d", w.port)
	if w.socket != "" {
		given = "the socket " + w.socket
	}
	w.cluster.publish(Event{
		Kind: KindWrongPort, Worker: w.worker, Port: w.port, Incarnation: r.incarnation, PID: r.proc.Pid(), Ports: ports,
		Text: fmt.Sprintf("worker %d listens on port %d, not on %s that it was given", w.worker, ports[0], given),
	})
}
