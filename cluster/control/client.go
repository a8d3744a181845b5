package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

// maxAnswer bounds what a client reads of one answer or line: 512 workers with twenty long last words each are less.
const maxAnswer = 64 << 20

// A Client acts on a running cluster. Its methods have the words of the routes and may be called from any goroutine. An
// error that the server answered with is an *APIError; all others mean that it could not be asked.
type Client struct {
	info Info
	http *http.Client
	base string
}

// NewClient returns a client of the cluster whose socket info names. Nothing is sent before the first call. Close it.
func NewClient(info Info) *Client {
	c := &Client{info: info, base: "http://lbdev"}
	if wantsToken {
		c.base = "http://" + info.Socket
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext:        c.dial,
			DisableCompression: true,
			MaxIdleConns:       4,
			IdleConnTimeout:    idleTimeout / 2, // before the server does it, so that no request meets its end
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

func (c *Client) dial(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, c.info) }

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// An APIError is what the server had against a request.
type APIError struct {
	Status  int // of HTTP; 0 where the error came as the last line of an action that had begun
	Message string
	Hint    string // what to do; may be empty
	// Workers are those of several for which the action was taken up all the same.
	Workers []cluster.WorkerSnapshot
}

func (e *APIError) Error() string { return e.Message }

// Cluster returns the cluster as it is now.
func (c *Client) Cluster(ctx context.Context) (cluster.Snapshot, error) {
	var now cluster.Snapshot
	err := c.call(ctx, http.MethodGet, "/v1/cluster", nil, &now)
	return now, err
}

// Kill, Stop, Start, Restart, Pause, Resume, Drain and Undrain do what cluster.Cluster's methods of that name do.
//
// workers is a list of numbers and ports, such as "2" or "2,8001", or "all": all that can. With wait above 0 they return
// when it has had its effect, at most after that time: Stop when the process is gone and its port free, Start, Restart,
// Resume and Undrain when the worker is ready, Pause when it stands still, Drain when it has finished its requests, Kill
// when the worker is back or its restart policy wants none. They return each worker as it is then.
func (c *Client) Kill(ctx context.Context, workers string, wait time.Duration) ([]cluster.WorkerSnapshot, error) {
	return c.act(ctx, kill, workers, wait)
}

// Stop takes workers down; see Kill for the arguments.
func (c *Client) Stop(ctx context.Context, workers string, wait time.Duration) ([]cluster.WorkerSnapshot, error) {
	return c.act(ctx, stop, workers, wait)
}

// Start brings workers up; see Kill for the arguments.
func (c *Client) Start(ctx context.Context, workers string, wait time.Duration) ([]cluster.WorkerSnapshot, error) {
	return c.act(ctx, start, workers, wait)
}

// Restart is Stop and Start; see Kill for the arguments.
func (c *Client) Restart(ctx context.Context, workers string, wait time.Duration) ([]cluster.WorkerSnapshot, error) {
	return c.act(ctx, restart, workers, wait)
}

// Pause freezes workers; see Kill for the arguments.
func (c *Client) Pause(ctx context.Context, workers string, wait time.Duration) ([]cluster.WorkerSnapshot, error) {
	return c.act(ctx, pause, workers, wait)
}

// Resume lets paused workers run on; see Kill for the arguments.
func (c *Client) Resume(ctx context.Context, workers string, wait time.Duration) ([]cluster.WorkerSnapshot, error) {
	return c.act(ctx, resume, workers, wait)
}

// Drain takes workers out of rotation; see Kill for the arguments.
func (c *Client) Drain(ctx context.Context, workers string, wait time.Duration) ([]cluster.WorkerSnapshot, error) {
	return c.act(ctx, drain, workers, wait)
}

// Undrain puts drained workers back; see Kill for the arguments.
func (c *Client) Undrain(ctx context.Context, workers string, wait time.Duration) ([]cluster.WorkerSnapshot, error) {
	return c.act(ctx, undrain, workers, wait)
}

func (c *Client) act(ctx context.Context, v verb, workers string, wait time.Duration) ([]cluster.WorkerSnapshot, error) {
	path := "/v1/workers/" + url.PathEscape(workers) + "/" + string(v)
	if wait > 0 {
		path += "?wait=true&timeout=" + wait.String()
	}
	var now Workers
	err := c.call(ctx, http.MethodPost, path, nil, &now)
	return now.Workers, err
}

// Scale changes the number of workers and returns them all when those that go are gone and those that come are ready, at most
// after wait; 0 = without a limit. step, if not nil, is told of each. When ctx ends, or the wait, the change goes on, unless
// another one was under way before it all the time.
func (c *Client) Scale(ctx context.Context, n int, wait time.Duration, step func(cluster.Step)) ([]cluster.WorkerSnapshot, error) {
	path := "/v1/workers"
	if wait > 0 {
		path += "?timeout=" + wait.String()
	}
	f, err := c.long(ctx, http.MethodPut, path, scaleBody{&n}, step)
	return f.Workers, err
}

// RollingRestart restarts the workers one by one and returns them all when it is done. step, if not nil, is told of each.
// When ctx ends it stops after the worker that it is at.
func (c *Client) RollingRestart(ctx context.Context, step func(cluster.Step)) ([]cluster.WorkerSnapshot, error) {
	f, err := c.long(ctx, http.MethodPost, "/v1/rolling-restart", nil, step)
	return f.Workers, err
}

// Shutdown ends the cluster and returns the report when it has ended. step, if not nil, is told of each worker that stops.
// When ctx ends the cluster ends all the same.
func (c *Client) Shutdown(ctx context.Context, step func(cluster.Step)) (Report, error) {
	f, err := c.long(ctx, http.MethodPost, "/v1/shutdown", nil, step)
	if err == nil && f.Report == nil {
		err = errors.New("cannot read the report of the shutdown: there is none")
	}
	if err != nil {
		return Report{}, err
	}
	return *f.Report, nil
}

// Metrics returns what Prometheus would get: text, a line for each series.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	resp, err := c.open(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("cannot read the cluster's answer: %w", err)
	}
	return text, nil
}

// open sends a request and returns an answer of status 200; the caller closes its body.
func (c *Client) open(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(line(body))
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, fmt.Errorf("cannot ask the cluster: %w", err)
	}
	maps.Copy(r.Header, header)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.info.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.info.Token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL, whose host means nothing
		}
		return nil, fmt.Errorf("cannot ask the cluster: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readError(resp)
}

// readError is the error of an answer that is none of success.
func readError(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	var body ErrorBody
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	if err != nil || body.Error == "" {
		body.Error = fmt.Sprintf("cannot understand the answer %q: is that lbdev's socket?", resp.Status)
	}
	return &APIError{Status: resp.StatusCode, Message: body.Error, Hint: body.Hint, Workers: body.Workers}
}

// call reads one JSON answer into v.
func (c *Client) call(ctx context.Context, method, path string, body, v any) error {
	resp, err := c.open(ctx, method, path, body, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("cannot read the cluster's answer: %w", err)
	}
	return nil
}

// long reads the lines of a long action up to its last.
func (c *Client) long(ctx context.Context, method, path string, body any, step func(cluster.Step)) (finish, error) {
	resp, err := c.open(ctx, method, path, body, nil)
	if err != nil {
		return finish{}, err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			} else if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return finish{}, fmt.Errorf("cannot follow the action: %w", err)
		}
		f, s, err := parseLine(raw)
		switch {
		case err != nil:
			return finish{}, err
		case f != nil:
			return *f, nil
		case step != nil:
			step(s)
		}
	}
}

// parseLine reads a line of a long action: a step, or its end. The end has true for "done", a step has a number.
func parseLine(raw []byte) (end *finish, step cluster.Step, err error) {
	var head struct {
		Done json.RawMessage `json:"done"`
		ErrorBody
	}
	if err = json.Unmarshal(raw, &head); err != nil {
		return nil, step, fmt.Errorf("cannot follow the action: %w", err)
	}
	if head.Error != "" {
		return nil, step, &APIError{Message: head.Error, Hint: head.Hint}
	}
	if string(head.Done) == "true" {
		end = &finish{}
		err = json.Unmarshal(raw, end)
	} else {
		err = json.Unmarshal(raw, &step)
	}
	if err != nil {
		return nil, step, fmt.Errorf("cannot follow the action: %w", err)
	}
	return end, step, nil
}

// A Query says which part of a stream is wanted. Its zero value is all that is kept, and then the end.
type Query struct {
	// Follow waits for more, until the cluster ends.
	Follow bool
	// Workers is a list of numbers and ports, such as "2,8001". Empty means all, and the cluster's own events.
	Workers string
	// Since leaves out what is older: a time ago such as "10m", or a moment in RFC 3339. Empty means nothing is too old.
	Since string
	// Tail is how many of the items that are there are wanted, the newest. Zero means all, negative none.
	Tail int
	// After leaves out the items up to this number.
	After uint64
	// Colour leaves the colours in log lines.
	Colour bool
}

func (q Query) encode(logs bool) string {
	v := url.Values{"follow": {strconv.FormatBool(q.Follow)}}
	if list := strings.TrimSpace(q.Workers); list != "" {
		v.Set("worker", list)
	}
	if q.Since != "" {
		v.Set("since", q.Since)
	}
	if q.Tail != 0 {
		v.Set("tail", strconv.Itoa(max(q.Tail, 0)))
	}
	if q.After > 0 {
		v.Set("after", strconv.FormatUint(q.After, 10))
	}
	if logs && q.Colour {
		v.Set("colour", "true")
	}
	return v.Encode()
}
