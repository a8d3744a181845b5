package dashboard

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// beat is how often frames are made: more often than that nobody sees a difference.
	beat = 100 * time.Millisecond
	// silence is after how long a frame comes although nothing has happened: a page that hears nothing for longer knows that its
	// connection is gone.
	silence = time.Second
	// The cluster as it is comes with every event, and otherwise so often that it takes this much a second, at most every look.
	look         = 250 * time.Millisecond
	clusterBytes = 80 << 10
	// keepFrames is how many frames a page that has lost its connection finds again: some 30 s.
	keepFrames = 300
	// lookPatience is how long a page may take nothing.
	lookPatience = 20 * time.Second
)

// A hub makes the frames, once for all who watch, as long as somebody does.
type hub struct {
	server *Server
	run    string // names this run of lbdev

	mu      sync.Mutex
	readers int
	stop    chan struct{} // ends the goroutine that makes frames; nil = there is none
	gather  *gatherer
	frames  [][]byte // the last of them, as JSON
	first   uint64   // the number of the oldest
	news    chan struct{}

	closed bool
	making sync.WaitGroup
}

func (h *hub) open(s *Server) {
	var id [6]byte
	rand.Read(id[:]) // never fails
	h.server, h.run, h.first, h.news = s, hex.EncodeToString(id[:]), 1, make(chan struct{})
}

// close tells those who watch that it is over.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	close(h.news)
	h.mu.Unlock()
	h.making.Wait()
}

// enter has frames be made from now on; leave says that one watches less.
func (h *hub) enter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers++; h.readers > 1 || h.closed {
		return
	}
	h.gather = newGatherer(h.server.Cluster)
	h.stop = make(chan struct{})
	h.making.Go(func() { h.make(h.stop) })
}

func (h *hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers--; h.readers == 0 && h.stop != nil {
		close(h.stop)
		h.stop = nil
		h.first += uint64(len(h.frames)) + 1 // what happens now has a number and is not gathered
		h.frames = nil
		h.gather.close()
	}
}

// make is the goroutine that makes frames.
func (h *hub) make(stop chan struct{}) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	var m maker
	for {
		select {
		case <-tick.C:
			if !h.add(&m, stop) {
				return
			}
		case <-stop:
			return
		case <-h.server.ctx.Done():
			return
		}
	}
}

// A maker knows what went out when.
type maker struct {
	looked, said time.Time
	every        time.Duration // between two looks at the cluster
	load         load
}

// add makes a frame, if there is something to tell. False means that nobody wants any more.
func (h *hub) add(m *maker, stop chan struct{}) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop != stop || h.closed {
		return false
	}
	now := time.Now()
	f := h.gather.next()
	if l := h.server.sender.current(); l != m.load {
		m.load, f.Load = l, &l
	}
	busy := !f.empty() || f.Load != nil
	if len(f.Events) > 0 || busy && now.Sub(m.looked) >= max(look, m.every) || now.Sub(m.said) >= silence {
		snapshot := h.server.Cluster.Snapshot()
		f.Cluster, m.looked, busy = &snapshot, now, true
	}
	if !busy {
		return true
	}
	text := marshal(f)
	if f.Cluster != nil {
		m.every = time.Duration(len(text)) * time.Second / clusterBytes
	}
	m.said = now
	h.push(text)
	return true
}

// push adds a frame; h.mu is held.
func (h *hub) push(text []byte) {
	if len(h.frames) == keepFrames {
		h.frames = h.frames[1:]
		h.first++
	}
	h.frames = append(h.frames, text)
	close(h.news)
	h.news = make(chan struct{})
}

// greet is what a page gets first, and the number of the frame that follows.
func (h *hub) greet(who pass) (text []byte, next uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, 0
	}
	g := hello{
		Event: "hello", Run: h.run, Version: h.server.Version, ReadOnly: who != owner, TimeMS: time.Now().UnixMilli(),
		Cluster: h.server.Cluster.Snapshot(), Policies: policies(), Load: h.server.sender.current(),
	}
	g.Events, g.Requests, g.Logs = h.gather.past()
	return marshal(g), h.first + uint64(len(h.frames))
}

// from are the frames from number next on. ok is false if some of them are gone. news is closed when there are more.
func (h *hub) from(next uint64) (frames [][]byte, news chan struct{}, ok, over bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := h.first + uint64(len(h.frames))
	if next < h.first || next > end {
		return nil, h.news, false, h.closed
	}
	return h.frames[next-h.first:], h.news, true, h.closed
}

// serve is one page's stream of server-sent events.
func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	h.enter()
	defer h.leave()
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	out := &watcher{w: w, run: h.run}
	out.buf.WriteString("retry: 1000\n\n")
	next := h.resume(r.Header.Get("Last-Event-ID"))
	for {
		frames, news, ok, over := h.from(next)
		if over {
			out.buf.WriteString("data: {\"event\":\"end\"}\n\n")
			out.flush()
			return
		}
		if !ok {
			var text []byte
			if text, next = h.greet(passIn(r.Context())); text == nil {
				continue
			}
			out.message(next-1, text)
		}
		for _, text := range frames {
			out.message(next, text)
			next++
		}
		if out.flush() != nil {
			return
		}
		if !ok {
			continue
		}
		select {
		case <-news:
		case <-r.Context().Done():
			return
		}
	}
}

// resume is the number of the frame that a page wants which had a connection before; 0 is no number of a frame.
func (h *hub) resume(id string) uint64 {
	run, text, _ := strings.Cut(id, "-")
	seq, err := strconv.ParseUint(text, 10, 64)
	if err != nil || run != h.run {
		return 0
	}
	return seq + 1
}

// A watcher is where one page's messages go.
type watcher struct {
	w   http.ResponseWriter
	run string
	buf bytes.Buffer
}

func (o *watcher) message(seq uint64, text []byte) {
	fmt.Fprintf(&o.buf, "id: %s-%d\ndata: ", o.run, seq)
	o.buf.Write(text)
	o.buf.WriteString("\n\n")
}

func (o *watcher) flush() error {
	c := http.NewResponseController(o.w)
	c.SetWriteDeadline(time.Now().Add(lookPatience))
	_, err := o.w.Write(o.buf.Bytes())
	o.buf.Reset()
	if err == nil {
		err = c.Flush()
	}
	return err
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
