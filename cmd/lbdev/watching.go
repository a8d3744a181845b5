package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/watch"
)

// rollingPoll is how often it is looked whether a rolling restart that somebody else began is over.
const rollingPoll = 100 * time.Millisecond

// openWatcher watches what --watch names, if it is given.
func (s *session) openWatcher() (err error) {
	if len(s.plan.watch) == 0 {
		return nil
	}
	ignore := []string{}
	if s.logs != nil {
		ignore = append(ignore, s.logs.Dir())
	}
	if s.plan.found != nil { // what the app itself writes is no change to it
		ignore = append(ignore, s.plan.found.Preset.Writes...)
	}
	s.watcher, err = watch.Open(watch.Config{
		Globs: s.plan.watch, Ignore: ignore, OnChange: s.onChange, Warn: func(err error) { explain(s.stderr, watchError(err)) },
	})
	return watchError(err)
}

// watchError adds what to do.
func watchError(err error) error {
	if err == nil {
		return nil
	}
	e := &commandError{code: exitUsage, err: err, hint: "--watch takes globs below this folder:  --watch '*.py'  --watch 'app/**/*.html'  --watch '!tests'", flag: "watch"}
	if limit, ok := errors.AsType[*watch.LimitError](err); ok {
		e.code = exitFailed
		e.hint = fmt.Sprintf("watch less, for example  --watch 'src/**'  , or raise %s", limit.Setting)
	}
	return e
}

// onChange restarts the workers in turn. One that is under way already may have been begun before the change, so it is
// waited for. That a restart fails is an event, which everybody sees.
func (s *session) onChange(ctx context.Context, c watch.Change) {
	s.cluster.Announce(changed(c) + " changed")
	for errors.Is(s.cluster.RollingRestart(ctx, nil), cluster.ErrRolling) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(rollingPoll):
		}
	}
}

// changed names the files: app/views.py, or app/views.py and 12 others.
func changed(c watch.Change) string {
	const named = 3
	switch {
	case c.Count == 0 || len(c.Files) == 0:
		return "something"
	case c.Count <= named && c.Count == len(c.Files):
		return strings.Join(c.Files, ", ")
	}
	return c.Files[0] + " and " + count(c.Count-1, "other file")
}
