package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/cluster/logfile"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/accesslog"
)

// An accessPlan is where a line for each request goes, and what it looks like.
type accessPlan struct {
	file   string // empty = access.log of --log-dir, if there is one; "-" = the screen
	format accesslog.Format
	json   bool
}

const (
	// toScreen is the name of stdout.
	toScreen = "-"
	// jsonFormat is the form that requests have everywhere; accesslog knows the others.
	jsonFormat = "json"
)

// planAccess reads --access-log and --access-format.
func (p *plan) planAccess(c *cli.Context) (err error) {
	a := &p.access
	a.file = c.String("access-log")
	name := c.String("access-format")
	switch {
	case a.file == "" && p.logDir == "" && name != "":
		return &commandError{
			code: exitUsage, flag: "access-format", err: fmt.Errorf("cannot use access format %q: no access log was asked for", name),
			hint: "lbdev up --access-log access.log …  , or - for the screen, or --log-dir logs",
		}
	case a.file == toScreen && p.json:
		return &commandError{
			code: exitUsage, flag: "access-log", err: errors.New("cannot write an access log between the JSON lines: they have every request already"), hint: "leave one of them off",
		}
	case name == jsonFormat, name == "" && a.file == "":
		a.json, a.format = true, appendRequestJSON
		return nil
	case name == "":
		name = accesslog.Combined
	}
	if a.format, err = accesslog.Compile(name); err != nil {
		return &commandError{
			code: exitUsage, flag: "access-format", err: err,
			hint: `--access-format combined  (or text, common, json), or for example  --access-format '{client} {path} {status} {total_ms}'`,
		}
	}
	return nil
}

// accessParts are the names that a template knows, in lines of a readable length.
func accessParts() string {
	text, width := "", len("Parts of --access-format: ")
	for i, name := range accesslog.Names() {
		if i > 0 {
			text, width = text+" ", width+1
		}
		if width+len(name)+2 > textWidth {
			text, width = text[:len(text)-1]+"\n", 0
		}
		text, width = text+"{"+name+"}", width+len(name)+2
	}
	return text
}

// appendRequestJSON is the form of up --json.
func appendRequestJSON(buf []byte, a *proxy.Access) []byte {
	return appendJSON(buf, control.NewRequest(a))
}

// appendMissing is the line of a log in text which says what is not there.
func appendMissing(buf []byte, missing uint64, reason string) []byte {
	return fmt.Appendf(buf, "# lbdev: %s missing here: %s\n", count(int(missing), "request"), reason)
}

// logFiles is what the two kinds of files with requests have in common.
func (s *session) logFiles() logfile.Config {
	config := logfile.Config{AppendRequest: s.plan.access.format, Warn: func(err error) { explain(s.stderr, err) }}
	if !s.plan.access.json {
		config.AppendMissing = appendMissing
	}
	return config
}

// openLogs opens the files of --log-dir and --access-log, and has the proxy tell them of each request.
func (s *session) openLogs() (err error) {
	if s.plan.logDir != "" {
		config := s.logFiles()
		config.Dir = s.plan.logDir
		if s.plan.access.file != "" {
			config.AppendRequest = nil
		}
		if s.logs, err = logfile.Open(config); err != nil {
			return &commandError{code: exitFailed, err: err, hint: "name a folder that you may write to:  lbdev up --log-dir logs …"}
		}
		s.tell(s.logs)
	}
	if s.plan.access.file != "" && s.plan.access.file != toScreen {
		config := s.logFiles()
		config.AccessFile = s.plan.access.file
		if s.access, err = logfile.Open(config); err != nil {
			return &commandError{code: exitFailed, err: err, hint: "name a file that you may write to:  lbdev up --access-log access.log …"}
		}
		s.tell(s.access)
	}
	return nil
}

// tell has the proxy tell the files of each request, after those who were told before.
func (s *session) tell(files *logfile.Files) {
	before := s.plan.config.OnAccess
	s.plan.config.OnAccess = func(a *proxy.Access) {
		before(a)
		files.Access(a)
	}
}

// closeLogs writes the rest, when everything has ended.
func (s *session) closeLogs() {
	for _, files := range []*logfile.Files{s.logs, s.access} {
		if files == nil {
			continue
		}
		if err := files.Close(); err != nil {
			explain(s.stderr, fmt.Errorf("cannot keep all of the logs: %w", err))
		}
	}
}

// An accessPrinter shows each request as a line of the access log.
type accessPrinter struct {
	printer
	format accesslog.Format
}

func (p accessPrinter) request(buf []byte, a *proxy.Access) []byte { return p.format(buf, a) }
