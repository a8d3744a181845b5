package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A HealthCheck asks each worker from time to time whether it is well. Without it only those are looked at that do not answer. It is
// for apps that know of troubles which do not show in their answers, and costs a line in their logs each time.
type HealthCheck struct {
	// Path is what is asked for, with placeholders; 2xx and 3xx say that the worker is well. Empty means that nothing is asked.
	Path string
	// Interval is the time from the end of one check to the next. Zero means 5 s.
	Interval time.Duration
	// Timeout is how long an answer may take. Zero means 2 s.
	Timeout time.Duration
	// Fall is how many checks in a row must fail to take the worker out of rotation, Rise how many must succeed to put it back.
	// Zero means 3 and 2.
	Fall, Rise int
}

func (h *HealthCheck) interval() time.Duration { return orDefault(h.Interval, 5*time.Second) }
func (h *HealthCheck) timeout() time.Duration  { return orDefault(h.Timeout, 2*time.Second) }
func (h *HealthCheck) fall() int               { return orDefault(h.Fall, 3) }
func (h *HealthCheck) rise() int               { return orDefault(h.Rise, 2) }

func orDefault[T int | time.Duration](value, instead T) T {
	if value == 0 {
		return instead
	}
	return value
}

// validate reports what is wrong with it.
func (h *HealthCheck) validate(fault func(field, format string, args ...any)) {
	if h.Path == "" {
		if *h != (HealthCheck{}) {
			fault("HealthPath", "cannot check workers' health: no path is given")
		}
		return
	}
	if h.Path[0] != '/' {
		fault("HealthPath", "cannot use health path %q: it must begin with /", h.Path)
	}
	for _, is := range []struct {
		field string
		below bool
	}{{"HealthInterval", h.interval() < 0}, {"HealthTimeout", h.timeout() < 0}} {
		if is.below {
			fault(is.field, "cannot check workers' health: the times must be above 0")
		}
	}
	for _, is := range []struct {
		field string
		below bool
	}{{"HealthFall", h.fall() < 1}, {"HealthRise", h.rise() < 1}} {
		if is.below {
			fault(is.field, "cannot check workers' health: fall and rise must be 1 or more")
		}
	}
}

// checkHealth is the goroutine that checks an incarnation, from when it was ready.
func (w *worker) checkHealth(ctx context.Context, r *run) {
	h := &r.config.Health
	select {
	case <-r.serving:
	case <-ctx.Done():
		return
	}
	well, streak := true, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.proc.Done():
			return
		case <-time.After(h.interval()):
		}
		err := w.cluster.world.check(ctx, w, h)
		if ctx.Err() != nil {
			return
		}
		if (err == nil) == well {
			streak = 0
			continue
		}
		if streak++; well && streak < h.fall() || !well && streak < h.rise() {
			continue
		}
		well, streak = !well, 0
		w.tellHealth(ctx, r, err)
	}
}

// tellHealth tells the loop; nil means that the worker is well again.
func (w *worker) tellHealth(ctx context.Context, r *run, err error) {
	reason := ""
	if err != nil {
		reason = fmt.Sprintf("health check %s: %v", r.config.Health.Path, err)
	}
	select {
	case r.checks <- reason:
	case <-ctx.Done():
	case <-r.proc.Done():
	}
}

// check makes one check, over a connection of its own that ends with it: a server that serves one connection at a time must not
// be left with an idle one.
func check(ctx context.Context, w *worker, h *HealthCheck) error {
	ctx, cancel := context.WithTimeout(ctx, h.timeout())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d%s", workerHost, w.port, w.expand(h.Path)), nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "lbdev (health)")
	resp, err := w.client().Do(req)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no answer within %v", h.timeout())
	case err != nil:
		return errors.Unwrap(err)
	}
	resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("answered by %d", resp.StatusCode)
	}
	return nil
}

// onCheck takes the worker out of rotation, or puts it back.
func (w *worker) onCheck(reason string) {
	r := w.run
	r.unwell = reason
	if r.exited || r.ending {
		return
	}
	switch w.state {
	case Ready, Unresponsive:
		w.rotate(Event{Reason: "is well again"})
	case Starting, Drained, Paused, Stopping, Stopped, Backoff, Failed:
	}
}
