package cluster

import (
	"context"
	"io"
	"sync"
)

// A Feed keeps the newest items of a stream, numbers them from 1, and hands them to any number of readers, each at its
// own pace. Two kinds of reader exist. A lossy one that falls behind by more than the feed keeps is told how many items
// it missed. A lossless one holds the publisher back instead: right for a pipe or a file, whose reader must get every
// line, wrong for a terminal, where a person who scrolls must not freeze the app.
type Feed[T any] struct {
	keep     int         // items kept at most
	keepSize int         // sum of size kept at most; 0 = no such bound
	size     func(T) int // nil counts nothing
	room     *sync.Cond  // publishers wait here for lossless readers
	mu       sync.Mutex  // guards all below
	items    []T         // a ring once it has grown to keep
	next     uint64      // number of the item to come
	count    int         // items kept now
	bytes    int         // sum of size kept now
	waiting  int         // publishers that wait for room
	readers  map[*Reader[T]]struct{}
	closed   bool
}

// NewFeed returns a feed that keeps at most keep items, and of those only so many that their sizes add up to keepSize
// (0 = no such bound; the newest item is always kept).
func NewFeed[T any](keep, keepSize int, size func(T) int) *Feed[T] {
	f := &Feed[T]{keep: keep, keepSize: keepSize, size: size, next: 1, readers: map[*Reader[T]]struct{}{}}
	f.room = sync.NewCond(&f.mu)
	return f
}

// Append numbers an item with number, if that is not nil, and publishes it. It waits while a lossless reader is a whole
// feed behind. After Close it does nothing.
func (f *Feed[T]) Append(item T, number func(*T, uint64)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := f.sizeOf(item)
	f.makeRoom(size)
	if f.closed {
		return
	}
	if number != nil {
		number(&item, f.next)
	}
	f.push(item, size)
	f.wake()
}

// AppendAll publishes n items, the i-th made by item(i), and wakes the readers once.
func (f *Feed[T]) AppendAll(n int, item func(i int) T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range n {
		it := item(i)
		size := f.sizeOf(it)
		f.makeRoom(size)
		if f.closed {
			return
		}
		f.push(it, size)
	}
	f.wake()
}

// Close tells the readers that nothing will follow: each gets what is left and then io.EOF.
func (f *Feed[T]) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.room.Broadcast()
	f.wake()
}

// Last returns the number of the newest item, 0 if there is none yet.
func (f *Feed[T]) Last() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next - 1
}

// taken is the number of the item that the slowest lossless reader has come to, 0 if there is none.
func (f *Feed[T]) taken() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	slowest := uint64(0)
	for r := range f.readers {
		if r.lossless && (slowest == 0 || r.next < slowest) {
			slowest = r.next
		}
	}
	return slowest
}

// Reader returns a reader of the items after number after (0 = from the oldest kept). Whoever asks for one closes it:
// a lossless reader that is left open and unread stops the publishers for ever.
func (f *Feed[T]) Reader(after uint64, lossless bool) *Reader[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &Reader[T]{feed: f, next: after + 1, lossless: lossless, more: make(chan struct{}, 1)}
	r.next = min(r.next, f.next)
	f.readers[r] = struct{}{}
	if r.next < f.next || f.closed {
		r.more <- struct{}{}
	}
	return r
}

func (f *Feed[T]) sizeOf(item T) int {
	if f.size == nil {
		return 0
	}
	return f.size(item)
}

// makeRoom lets the oldest items go until one of this size fits, and waits for the lossless readers that still need them.
func (f *Feed[T]) makeRoom(size int) {
	for !f.closed && f.count > 0 && (f.count == f.keep || f.keepSize > 0 && f.bytes+size > f.keepSize) {
		if !f.someoneNeedsOldest() {
			f.dropOldest()
			continue
		}
		f.wake()
		f.waiting++
		f.room.Wait()
		f.waiting--
	}
}

// held says whether a lossless reader holds a publisher up.
func (f *Feed[T]) held() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting > 0
}

func (f *Feed[T]) someoneNeedsOldest() bool {
	oldest := f.next - uint64(f.count)
	for r := range f.readers {
		if r.lossless && r.next <= oldest {
			return true
		}
	}
	return false
}

// push adds an item for which there is room.
func (f *Feed[T]) push(item T, size int) {
	slot := int(f.next % uint64(f.keep))
	for len(f.items) <= slot {
		f.items = append(f.items, *new(T))
	}
	f.items[slot] = item
	f.next++
	f.count++
	f.bytes += size
}

func (f *Feed[T]) dropOldest() {
	slot := &f.items[(f.next-uint64(f.count))%uint64(f.keep)]
	if f.size != nil {
		f.bytes -= f.size(*slot)
	}
	*slot = *new(T) // what it points to may be freed
	f.count--
}

func (f *Feed[T]) wake() {
	for r := range f.readers {
		select {
		case r.more <- struct{}{}:
		default:
		}
	}
}

// A Reader is one reader's place in a feed. One goroutine uses it at a time.
type Reader[T any] struct {
	feed     *Feed[T]
	next     uint64
	lossless bool
	more     chan struct{}
}

// Seen is the number of the last item that Take or Next has passed.
func (r *Reader[T]) Seen() uint64 { return r.next - 1 }

// More is ready to receive from when Take may have something, or the feed was closed.
func (r *Reader[T]) More() <-chan struct{} { return r.more }

// Take appends the items that wait, at most limit of them (0 = all), to buf. It never blocks. lost counts the items that
// were dropped before this reader came to them. done says that the feed is closed and this was the rest.
func (r *Reader[T]) Take(buf []T, limit int) (items []T, lost uint64, done bool) {
	f := r.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	oldest := f.next - uint64(f.count)
	if r.next < oldest {
		lost = oldest - r.next
		r.next = oldest
	}
	n := f.next - r.next
	if limit > 0 {
		n = min(n, uint64(limit))
	}
	for range n {
		buf = append(buf, f.items[r.next%uint64(f.keep)])
		r.next++
	}
	if r.lossless {
		f.room.Broadcast()
	}
	left := r.next < f.next
	if left || f.closed {
		select {
		case r.more <- struct{}{}:
		default:
		}
	}
	return buf, lost, f.closed && !left
}

// Next is Take that waits until there is something. Its error is io.EOF after the last item of a closed feed, or the
// context's.
func (r *Reader[T]) Next(ctx context.Context, buf []T) (items []T, lost uint64, err error) {
	for {
		items, lost, done := r.Take(buf, 0)
		if len(items) > len(buf) || lost > 0 {
			return items, lost, nil
		}
		if done {
			return items, lost, io.EOF
		}
		select {
		case <-r.more:
		case <-ctx.Done():
			return items, 0, context.Cause(ctx)
		}
	}
}

// Close takes the reader off its feed; publishers no longer wait for it.
func (r *Reader[T]) Close() {
	f := r.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.readers, r)
	f.room.Broadcast()
}
