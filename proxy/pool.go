package proxy

import (
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lbdev/lbdev/proxy/balance"
	"github.com/lbdev/lbdev/proxy/fault"
)

// A Status is what a worker's owner says of it.
type Status string

// The statuses of a backend.
const (
	Ready   Status = "ready"   // gets requests
	Suspect Status = "suspect" // may not answer: gets requests only when no worker is ready
	Coming  Status = "coming"  // gets none now, but it is worth waiting for
	Down    Status = "down"    // gets none, and nothing will come
)

// A Pool is the workers that a proxy may choose from. Requests read an immutable view of it with one atomic load; those
// who change it take a lock and publish the next view.
type Pool struct {
	// OnSilence is called every 50 ms for each worker that has requests and has sent nothing for that long or longer, by a
	// goroutine that must not be kept. It must be set before the first request; nil = nobody cares.
	OnSilence func(Silence)

	// EjectAfter is how many answers of 5xx in a row, or lost requests, take a worker out of rotation for 5 s, and for the double
	// each time it happens again. At most half of the workers are out at a time. 0 and less = none ever is. OnEject is called
	// when one goes, by the goroutine of the request, and when it is back; nil = nobody cares. Both must be set before the first
	// request.
	EjectAfter int
	OnEject    func(Ejection)

	view atomic.Pointer[view]

	mu       sync.Mutex // for writers
	policy   balance.Policy
	sticky   *balance.Sticky
	secret   [32]byte   // of this run; see tokenOf
	backends []*Backend // in the order of their numbers
	queue    queue      // requests that wait until one is ready

	slowStart time.Duration // see SetSlowStart
	settled   bool          // the first start is over
	ramping   bool          // a share grows
	climbing  bool          // climb is going to be called
}

// NewPool returns an empty pool with the given policy; nil = round robin.
func NewPool(policy balance.Policy) *Pool {
	if policy == nil {
		policy = &balance.RoundRobin{}
	}
	p := &Pool{policy: policy}
	rand.Read(p.secret[:]) // never fails
	p.view.Store(&view{policy: policy})
	return p
}

// Policy is the name of the rule that chooses workers.
func (p *Pool) Policy() string { return p.view.Load().policy.Name() }

// SetPolicy changes the rule. It holds for every pick that begins after SetPolicy returned; no request and no connection is lost.
func (p *Pool) SetPolicy(policy balance.Policy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.policy = policy
	p.publish()
}

// Add makes a worker known. It starts as Down. Its owner calls Set, and Remove in the end.
func (p *Pool) Add(worker, port int) *Backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &Backend{pool: p, worker: worker, port: port, status: Down, weight: 1, token: p.tokenOf(worker)}
	b.up = newUpstream(b, 0)
	at, _ := slices.BinarySearchFunc(p.backends, worker, func(b *Backend, worker int) int { return b.worker - worker })
	p.backends = slices.Insert(p.backends, at, b)
	p.publish()
	return b
}

// Remove makes a worker unknown. Requests that it has are finished, its idle connections are closed.
func (p *Pool) Remove(b *Backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backends = slices.DeleteFunc(p.backends, func(other *Backend) bool { return other == b })
	b.status = Down
	b.up.retire()
	b.endFault()
	b.pardon()
	p.publish()
}

// publish makes the next view from the backends and wakes held requests if it changes anything for them.
func (p *Pool) publish() {
	old := p.view.Load()
	v := p.look(old)
	p.view.Store(v)
	p.settle(v)
	p.ramp()
	wake := slices.ContainsFunc(v.ready, func(up *upstream) bool { return !slices.Contains(old.ready, up) })
	if wake || len(v.ready) == 0 && !v.hopeful {
		p.queue.wake()
	}
}

// closeIdle closes the idle connections to all workers.
func (p *Pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.backends {
		b.up.closeIdle()
	}
}

// A Backend is a worker as the proxy sees it.
type Backend struct {
	pool         *Pool
	worker, port int
	wire         Wire
	token        string // what our own cookie calls it

	// These are guarded by pool.mu.
	status  Status
	state   string    // what its owner calls its state
	up      *upstream // its incarnation
	weight  int
	backup  bool
	ejected ejection
	births  []birth // of its incarnations, the last ones

	errors atomic.Int32 // answers of 5xx and lost requests in a row

	requests atomic.Uint64
	failures atomic.Uint64
	inFlight atomic.Int64
	placed   atomic.Int64               // requests that have a place, where those are counted: see room.go
	fault    atomic.Pointer[fault.Live] // nil = none is set
	latency  latency                    // time to first byte, in fine steps
	traffic
	lost atomic.Int64 // when a connection to it was lost or refused; nanoseconds since the epoch
}

// Worker is its number.
func (b *Backend) Worker() int { return b.worker }

// Port is where it listens, on 127.0.0.1 or ::1.
func (b *Backend) Port() int { return b.port }

// Set says what the worker is doing and in which incarnation. The one who calls it is the worker's owner, nobody else. It
// holds for every pick that begins after Set returned. Idle connections are closed when the worker is not ready or has
// begun a new incarnation.
func (b *Backend) Set(s Status, incarnation uint64) { b.SetState(s, "", incarnation) }

// SetState is Set with what its owner calls the state, such as "drained": people are told so when they ask why a worker was passed
// over. Empty = they are told the status.
func (b *Backend) SetState(s Status, state string, incarnation uint64) {
	p := b.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.backends, b) || b.status == s && b.up.incarnation == incarnation && b.state == state {
		return
	}
	b.state = state
	if b.status != s || b.up.incarnation != incarnation {
		b.change(s, incarnation)
	}
	p.publish()
}

// change is Set for what concerns connections; pool.mu is held.
func (b *Backend) change(s Status, incarnation uint64) {
	if b.status == Ready && s != Suspect {
		b.lost.Store(time.Now().UnixNano())
	}
	switch {
	case b.up.incarnation != incarnation:
		b.up.retire()
		b.hasDied()
		b.up = newUpstream(b, incarnation)
		b.born(incarnation)
		b.pardon()
	case s == Ready:
		b.up.revive()
	case s == Suspect:
		b.up.suspect()
	default:
		b.up.retire()
	}
	b.status = s
	if s == Ready {
		b.pool.warmUp(b.up)
	}
}

// Abandon takes back the requests that the worker has, as far as they may be sent again and their clients have seen nothing
// of an answer: other workers get them. It is for a worker that is not ready any more and does not go on. Without another
// that is ready or coming nothing is taken back, as there is nobody to give it to; for one that is coming they are held.
func (b *Backend) Abandon() {
	p := b.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.view.Load(); b.status != Ready && b.status != Suspect && (len(v.ready) > 0 || v.hopeful) {
		b.recallFault()
		b.up.takeBack()
	}
}

// Excuse says that the worker is about to be killed by somebody's hand, or was. Then its death tells nothing of the requests that
// it has: as long as they may be sent again, they are, even if many workers were killed with them.
func (b *Backend) Excuse() {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.up.excused.Store(true)
}

// Counts tells how many requests were sent to the worker, how many attempts at it failed, and how many it has now.
func (b *Backend) Counts() (requests, failures uint64, inFlight int64) {
	return b.requests.Load(), b.failures.Load(), b.inFlight.Load()
}

// FirstByteWithin is the time in which the worker began to answer the part q (0.95) of its requests; 0 = it had none.
func (b *Backend) FirstByteWithin(q float64) time.Duration { return b.latency.quantile(q) }
