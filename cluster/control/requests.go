package control

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy"
)

// Requests is the answer to GET /v1/requests: the newest first.
type Requests struct {
	Requests []Request `json:"requests"`
}

const (
	// defaultRequests is how many requests are answered with where nobody says how many.
	defaultRequests = 100
	// allRequests is more than are remembered.
	allRequests = 1 << 20
	// lookForRequests is how often a stream looks for new ones. To be told of each would cost the proxy something; this costs
	// nothing where nobody looks, and is sooner than a person sees.
	lookForRequests = 100 * time.Millisecond
)

// A requestsWanted is what a reader of requests asked for.
type requestsWanted struct {
	after   uint64
	limit   int
	follow  bool
	workers []int // numbers or ports that answered or were asked; nil = all
	failed  bool
	slow    time.Duration
}

func (o *requestsWanted) wants(a *proxy.Access) bool {
	if o.failed && a.Outcome != proxy.Failed && a.Outcome != proxy.Cut && a.Status < http.StatusInternalServerError {
		return false
	}
	if a.Total < o.slow {
		return false
	}
	asked := func(at proxy.Attempt) bool {
		return slices.Contains(o.workers, at.Worker) || slices.Contains(o.workers, at.Port)
	}
	return len(o.workers) == 0 || slices.ContainsFunc(a.Attempts, asked)
}

// getRequests answers with the last requests that are over, of the 1,000 that are remembered. The query says which: ?limit=,
// ?after= a number, ?worker=, ?failed=true, ?slow=100ms; with ?follow=true it is a stream that goes on, the oldest first.
func (s *Server) getRequests(w http.ResponseWriter, r *http.Request) {
	query, ok := parameters(w, r, "limit", "after", "worker", "failed", "slow", "follow")
	if !ok {
		return
	}
	o := requestsWanted{limit: defaultRequests}
	if err := o.parse(query); err != nil {
		Refuse(w, http.StatusBadRequest, err.Error(), "for example ?limit=100&failed=true&slow=100ms&worker=2,8001")
		return
	}
	if r.Header.Get("Last-Event-ID") == "" {
		if err := known(s.Cluster.Snapshot().Workers, o.workers); err != nil {
			fail(w, err, nil)
			return
		}
	}
	if o.follow && r.Method != http.MethodHead {
		s.followRequests(w, r, o)
		return
	}
	last, _, _ := s.Cluster.Requests(o.after, o.limit, o.wants)
	body := Requests{[]Request{}}
	for i := range slices.Backward(last) {
		body.Requests = append(body.Requests, NewPastRequest(&last[i]))
	}
	Answer(w, http.StatusOK, body)
}

// NewPastRequest is the form in which it travels together with why each worker was asked.
func NewPastRequest(r *cluster.PastRequest) Request {
	wire := NewRequest(&r.Access)
	wire.Seq = r.Seq
	for i := range wire.Attempts {
		wire.Attempts[i].Why = r.Why(i)
	}
	return wire
}

func (o *requestsWanted) parse(query url.Values) error {
	var fault error
	read := func(name, must string, use func(string) error) {
		if text := query.Get(name); text != "" && fault == nil && use(text) != nil {
			fault = fmt.Errorf("cannot use %s %q: it must be %s", name, text, must)
		}
	}
	read("follow", "true or false", func(text string) error { return parseBool(text, &o.follow) })
	read("failed", "true or false", func(text string) error { return parseBool(text, &o.failed) })
	read("after", "a number", func(text string) (err error) {
		o.after, err = strconv.ParseUint(text, 10, 64)
		return err
	})
	read("limit", "a number from 1 up", func(text string) (err error) {
		if o.limit, err = strconv.Atoi(text); err == nil && (o.limit < 0 || o.limit == 0 && !o.follow) {
			err = strconv.ErrRange
		}
		return err
	})
	read("slow", "a time, such as 100ms", func(text string) (err error) {
		o.slow, err = time.ParseDuration(text)
		return err
	})
	if lists := query["worker"]; fault == nil && len(lists) > 0 && !slices.Contains(lists, all) {
		o.workers, fault = parseWorkers(strings.Join(lists, ","))
	}
	return fault
}

// followRequests streams what is over already, and what comes, until the server closes or the reader goes. A reader that comes
// back gets everything after what it has.
func (s *Server) followRequests(w http.ResponseWriter, r *http.Request, o requestsWanted) {
	out := &outlet[cluster.PastRequest]{run: s.run, w: w}
	startStream(w)
	limit, lossy := o.limit, false
	if of, seq, ok := parseID(r.Header.Get("Last-Event-ID")); ok && of == s.run {
		o.after, limit, lossy = seq, allRequests, true
	}
	look := func() error {
		requests, newest, lost := s.Cluster.Requests(o.after, limit, o.wants)
		if lost > 0 && lossy {
			out.message("lost", o.after, NewLost("requests", lost))
		}
		for i := range requests {
			out.message("", requests[i].Seq, NewPastRequest(&requests[i]))
		}
		if !lossy { // a reader that gets nothing more than this resumes here
			out.id(newest)
			out.buf.WriteString("\n")
		}
		o.after, limit, lossy = newest, allRequests, true
		return out.flush()
	}
	tick := time.NewTicker(lookForRequests)
	defer tick.Stop()
	for silent := time.Duration(0); look() == nil; silent += lookForRequests {
		if keep := s.keepAlive(); keep > 0 && silent >= keep {
			silent = 0
			out.buf.WriteString(": alive\n\n")
		}
		select {
		case <-tick.C:
		case <-s.closing:
			if look() == nil {
				out.end()
			}
			return
		case <-r.Context().Done():
			return
		}
	}
}

// A RequestQuery says which requests are wanted. Its zero value is the last 100.
type RequestQuery struct {
	// Limit is how many of those that are over already are wanted, the newest. Zero means 100, negative none.
	Limit int
	// After leaves out those up to this number.
	After uint64
	// Workers is a list of numbers and ports that were asked, such as "2,8001". Empty means all.
	Workers string
	// Failed leaves out those that were answered, and with a status below 500.
	Failed bool
	// Slow leaves out those that took less.
	Slow time.Duration
}

func (q RequestQuery) encode(follow bool) string {
	v := url.Values{}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(max(q.Limit, 0)))
	}
	if q.After > 0 {
		v.Set("after", strconv.FormatUint(q.After, 10))
	}
	if list := strings.TrimSpace(q.Workers); list != "" {
		v.Set("worker", list)
	}
	if q.Failed {
		v.Set("failed", "true")
	}
	if q.Slow > 0 {
		v.Set("slow", q.Slow.String())
	}
	if follow {
		v.Set("follow", "true")
	}
	return v.Encode()
}

// Requests returns requests that are over, the newest first.
func (c *Client) Requests(ctx context.Context, q RequestQuery) ([]Request, error) {
	var body Requests
	err := c.call(ctx, http.MethodGet, "/v1/requests?"+q.encode(false), nil, &body)
	return body.Requests, err
}

// FollowRequests returns requests that are over and those that come, the oldest first, until the cluster ends; see Events for the
// errors.
func (c *Client) FollowRequests(ctx context.Context, q RequestQuery) iter.Seq2[Request, error] {
	return follow(ctx, c, "/v1/requests?"+q.encode(true), func(*Request, uint64) {})
}
