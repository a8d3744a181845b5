package watch

import (
	"sync"

	"github.com/fsnotify/fsnotify"
)

// keepEvents bounds the events that wait; with more, everything is looked at again instead.
const keepEvents = 1 << 16

// An inbox takes what fsnotify has to say, always and at once. fsnotify holds a lock, on Windows its only goroutine, while
// it waits for a reader: one that calls its Add at that moment waits for ever.
type inbox struct {
	more chan struct{} // has room for one; told when there is something, and at the end

	mu       sync.Mutex // guards all below
	events   []fsnotify.Event
	overflow bool // events were lost, or may have been
	closed   bool
}

// run is the goroutine that reads; it ends when the watcher is closed.
func (b *inbox) run(system *fsnotify.Watcher) {
	events, faults := system.Events, system.Errors
	for events != nil || faults != nil {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			b.put(e)
		case err, ok := <-faults:
			if !ok {
				faults = nil
				continue
			}
			b.fault(err)
		}
	}
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.tell()
}

func (b *inbox) put(e fsnotify.Event) {
	if e.Op&^fsnotify.Chmod == 0 { // an event of nothing at all means that its folder is gone
		return
	}
	b.mu.Lock()
	if len(b.events) < keepEvents {
		b.events = append(b.events, e)
	} else {
		b.overflow = true
	}
	b.mu.Unlock()
	b.tell()
}

// fault takes an error of the system: its queue was full, or it has lost a folder, which on Windows it says in many ways.
// Whatever it is, looking at everything again mends it or finds a folder that cannot be watched.
func (b *inbox) fault(err error) {
	if err == nil || gone(err) {
		return
	}
	b.mu.Lock()
	b.overflow = true
	b.mu.Unlock()
	b.tell()
}

func (b *inbox) tell() {
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// take returns what waits. The slice is the caller's until the next call.
func (b *inbox) take(buf []fsnotify.Event) (events []fsnotify.Event, overflow, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events, overflow, closed = b.events, b.overflow, b.closed
	b.events, b.overflow = buf[:0], false
	return events, overflow, closed
}
