package cluster

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// reloadPatience is how long a program may take to take up a change before a worker is stopped all the same.
const reloadPatience = 5 * time.Second

// Changes are gathered for a moment before the program is told of them: a scale is one change, not six. Where workers are starting,
// it is worth to wait longer for all of them.
const (
	gather     = 20 * time.Millisecond
	gatherMost = 300 * time.Millisecond
)

// A following keeps another front's program informed of what people change. Its methods do nothing on nil.
type following struct {
	front   Front
	plan    func() FrontPlan
	more    func() bool // another change is about to come
	failed  func(error)
	settled func() // the program knows of a change, and of all before it
	is      atomic.Pointer[FrontProgram]
	changed chan struct{} // has room for one
	wanted  atomic.Uint64 // counts what might have changed
	reached atomic.Uint64 // what of that the program knows of
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	told    chan struct{}   // closed and made anew when reached has moved
	done    <-chan struct{} // of the last Follow
	current FrontPlan
}

func newFollowing(front Front) *following {
	f := &following{front: front, changed: make(chan struct{}, 1), told: make(chan struct{})}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// open starts the program.
func (f *following) open(first FrontPlan) error {
	f.current = first
	done, err := f.front.Follow(f.ctx, first)
	f.done = done
	if err == nil {
		f.running.Go(f.run)
	}
	return err
}

// poke says that something might have changed.
func (f *following) poke() {
	if f == nil {
		return
	}
	f.wanted.Add(1)
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// behind says whether the program does not know yet of all that might have changed.
func (f *following) behind() bool { return f.reached.Load() != f.wanted.Load() }

// run is the goroutine that tells the program of changes, until close.
func (f *following) run() {
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-f.changed:
		}
		for began := time.Now(); ; {
			select {
			case <-f.ctx.Done():
				return
			case <-time.After(gather):
			}
			if !f.more() || time.Since(began) > gatherMost {
				break
			}
		}
		n := f.wanted.Load()
		changed := f.follow(f.plan())
		f.reach(n)
		if changed {
			f.settled()
		}
	}
}

func (f *following) follow(plan FrontPlan) (changed bool) {
	if reflect.DeepEqual(plan, f.current) {
		return false
	}
	done, err := f.front.Follow(f.ctx, plan)
	if err == nil {
		f.current = plan // else the next change, even one that needs no telling, has it tried again
	} else if f.ctx.Err() == nil {
		f.failed(err)
	}
	f.mu.Lock()
	f.done = done
	f.mu.Unlock()
	return true
}

// reach wakes who waits for the program to know of the first n changes.
func (f *following) reach(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reached.Store(n)
	close(f.told)
	f.told = make(chan struct{})
}

// settle waits until the program knows of all that has changed so far, and then, for some time, until what it had begun before is over. It
// ends with ctx, with gone, or with the following.
func (f *following) settle(ctx context.Context, gone <-chan struct{}, patience time.Duration) {
	want := f.wanted.Load()
	late := time.After(max(patience, reloadPatience))
	for {
		f.mu.Lock()
		told, done := f.told, f.done
		f.mu.Unlock()
		if f.reached.Load() >= want {
			f.awaitDone(ctx, gone, done, patience)
			return
		}
		select {
		case <-told:
		case <-late:
			return
		case <-gone:
			return
		case <-ctx.Done():
			return
		case <-f.ctx.Done():
			return
		}
	}
}

func (f *following) awaitDone(ctx context.Context, gone, done <-chan struct{}, patience time.Duration) {
	select {
	case <-done:
	case <-time.After(patience):
	case <-gone:
	case <-ctx.Done():
	case <-f.ctx.Done():
	}
}

// close ends the program.
func (f *following) close(ctx context.Context, patience time.Duration) {
	f.stop()
	f.running.Wait()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f.front.Close(ctx)
}
