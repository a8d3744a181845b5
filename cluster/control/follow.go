package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"
)

const (
	// resumes is how often in a row a broken stream is taken up again without an item in between.
	resumes     = 6
	firstResume = 50 * time.Millisecond // doubles each time: 3 s in all
)

// A LostError says that this reader was so slow that items were dropped before it came to them.
type LostError struct {
	What  string // "events", "log lines"
	Count uint64
}

func (e *LostError) Error() string {
	return fmt.Sprintf("cannot show %d %s: too slow for them", e.Count, e.What)
}

// Events returns what happens to the workers, in order. A *LostError says that some were missed, and the stream goes on
// after it; any other error is the last. A connection that breaks is taken up again where it was, a few times.
func (c *Client) Events(ctx context.Context, q Query) iter.Seq2[Event, error] {
	return follow(ctx, c, "/v1/events?"+q.encode(false), func(e *Event, _ uint64) {})
}

// Logs returns what the workers print, in order; see Events for the errors.
func (c *Client) Logs(ctx context.Context, q Query) iter.Seq2[Log, error] {
	return follow(ctx, c, "/v1/logs?"+q.encode(true), func(l *Log, seq uint64) { l.Seq = seq })
}

// follow reads a stream to its end, over as many connections as it takes.
func follow[T any](ctx context.Context, c *Client, path string, number func(*T, uint64)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		f := &follower[T]{ctx: ctx, client: c, path: path, number: number, yield: yield}
		for left := resumes; ; {
			last := f.last
			err := f.connect()
			switch {
			case f.over:
				return
			case ctx.Err() != nil:
				yield(*new(T), context.Cause(ctx))
				return
			case final(err) || left == 0:
				yield(*new(T), err)
				return
			case f.last != last:
				left = resumes
			}
			left--
			select {
			case <-time.After(firstResume << (resumes - 1 - left)):
			case <-ctx.Done():
			}
		}
	}
}

// final says whether trying again is pointless: the server has understood, and refused.
func final(err error) bool {
	_, refused := errors.AsType[*APIError](err)
	return refused
}

// A follower is a stream that is being read.
type follower[T any] struct {
	ctx    context.Context
	client *Client
	path   string
	number func(*T, uint64)
	yield  func(T, error) bool
	last   string // id of the last item
	over   bool   // the stream has ended, or its reader wants no more
}

// connect reads from one connection until it ends; that is an error unless the stream is over.
func (f *follower[T]) connect() error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if f.last != "" {
		header.Set("Last-Event-ID", f.last)
	}
	resp, err := f.client.open(f.ctx, http.MethodGet, f.path, nil, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s := newScanner(resp.Body)
	for {
		m, err := s.next()
		if err != nil {
			return fmt.Errorf("cannot follow the cluster: the connection broke: %w", err)
		}
		if err := f.take(m); err != nil || f.over {
			return err
		}
		if m.id != "" {
			f.last = m.id
		}
	}
}

// take hands on what a message says.
func (f *follower[T]) take(m message) error {
	var item T
	switch {
	case m.name == "end":
		f.over = true
		return nil
	case len(m.data) == 0: // an id alone
		return nil
	case m.name == "lost":
		var lost Lost
		if err := json.Unmarshal(m.data, &lost); err != nil {
			return fmt.Errorf("cannot read what was lost: %w", err)
		}
		f.over = !f.yield(item, &LostError{What: lost.What, Count: lost.Count})
		return nil
	case m.name != "": // of a newer server
		return nil
	}
	if err := json.Unmarshal(m.data, &item); err != nil {
		return fmt.Errorf("cannot read an item: %w", err)
	}
	_, seq, _ := parseID(m.id)
	f.number(&item, seq)
	f.over = !f.yield(item, nil)
	return nil
}

// A message is one server-sent event.
type message struct {
	id, name string
	data     []byte
}

// A scanner reads server-sent events (HTML standard, section 9.2.6).
type scanner struct {
	r *bufio.Reader
}

func newScanner(r io.Reader) *scanner { return &scanner{bufio.NewReaderSize(r, 32<<10)} }

// next returns the next message that has data or an id. One that the stream's end cuts short is none.
func (s *scanner) next() (message, error) {
	var m message
	for {
		text, err := s.line()
		if err != nil {
			return message{}, err
		}
		if len(text) == 0 {
			if m.id != "" || len(m.data) > 0 {
				return m, nil
			}
			m = message{}
			continue
		}
		field, value, _ := strings.Cut(text, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			m.id = value
		case "event":
			m.name = value
		case "data":
			if len(m.data) > 0 {
				m.data = append(m.data, '\n')
			}
			m.data = append(m.data, value...)
		}
	}
}

// line reads a line without its end, which our server always writes as LF.
func (s *scanner) line() (string, error) {
	var long []byte
	for {
		part, err := s.r.ReadSlice('\n')
		long = append(long, part...)
		if err == nil {
			return string(bytes.TrimSuffix(bytes.TrimSuffix(long, []byte("\n")), []byte("\r"))), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
		if len(long) > maxAnswer {
			return "", errors.New("a line has no end")
		}
	}
}
