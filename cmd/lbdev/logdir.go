package main

import (
	"fmt"

	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/cluster/logfile"
	"github.com/lbdev/lbdev/proxy"
)

// openLogs opens the files of --log-dir, if it is given, and has the proxy tell them of each request.
func (s *session) openLogs() (err error) {
	if s.plan.logDir == "" {
		return nil
	}
	s.logs, err = logfile.Open(logfile.Config{
		Dir:           s.plan.logDir,
		AppendRequest: func(buf []byte, a *proxy.Access) []byte { return appendJSON(buf, control.NewRequest(a)) },
		Warn:          func(err error) { explain(s.stderr, err) },
	})
	if err != nil {
		return &commandError{code: exitFailed, err: err, hint: "name a folder that you may write to:  lbdev up --log-dir logs …"}
	}
	show := s.plan.config.OnAccess
	s.plan.config.OnAccess = func(a *proxy.Access) {
		show(a)
		s.logs.Access(a)
	}
	return nil
}

// closeLogs writes the rest, when everything has ended.
func (s *session) closeLogs() {
	if s.logs == nil {
		return
	}
	if err := s.logs.Close(); err != nil {
		explain(s.stderr, fmt.Errorf("cannot keep all of the logs: %w", err))
	}
}
