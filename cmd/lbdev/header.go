package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/lbdev/lbdev/cluster"
)

// headerIndent and headerWidth are what stands before the second and the last column of the header.
const (
	headerIndent = 2 + 10 + 1
	headerWidth  = headerIndent + 25 + 1
)

// header says what was opened and how the workers get their ports:
//
//	lbdev shop
//	  front      http://127.0.0.1:8080     round-robin
//	  workers    8000 8001 8002 8003       python manage.py runserver 127.0.0.1:{port}
//	             port added as runserver's argument
func (s *session) header() string {
	snap := s.cluster.Snapshot()
	var b strings.Builder
	row := func(name, left, right string) {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-10s %-25s %s", name, left, right), " ") + "\n")
	}
	fmt.Fprintf(&b, "%s\n", s.out.bold("lbdev "+snap.Name))
	row("front", snap.Front, snap.Balanced().String())
	if title := s.frontTitle(); title != "" {
		row("", "", title)
	}
	for _, url := range snap.Listen[1:] {
		row("", url, "")
	}
	if s.dashboard != nil {
		url := s.dashboard.URL()
		if s.out.width > 0 && headerIndent+len(url) > s.out.width { // broken it could not be clicked on
			url = "lbdev open --dashboard"
		}
		row("dashboard", url, "")
	}
	if s.plan.metrics != "" {
		row("metrics", "http://"+s.plan.metrics+"/metrics", "")
	}
	if snap.Redirect != "" {
		row("redirect", snap.Redirect, s.out.arrow+" https")
	}
	ports, command := portRange(s.cluster.Ports(), s.out.ellipsis), oneLine(s.plan.shown, s.out.ellipsis)
	if s.out.width > 0 && headerWidth+len(command) > s.out.width { // on a line of its own rather than broken
		row("workers", ports, "")
		row("", command, "")
	} else {
		row("workers", ports, command)
	}
	for _, remark := range s.remarks(snap) {
		line := strings.Repeat(" ", headerIndent) + remark
		if s.out.width > 0 {
			line = wrap(line, s.out.width, headerIndent)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// remarks are what lbdev decided by itself, and what the user should be warned of.
func (s *session) remarks(snap cluster.Snapshot) []string {
	var remarks []string
	add := func(format string, args ...any) { remarks = append(remarks, fmt.Sprintf(format, args...)) }
	remarks = append(remarks, s.plan.remarksOnChoice()...)
	for _, moved := range s.cluster.Moved() {
		add("%s", movedText(moved))
	}
	remarks = append(remarks, s.dashboardRemarks()...)
	remarks = append(remarks, s.plan.notes...)
	if s.closed != "" {
		add("%s", s.closed)
	}
	if host, _, _ := net.SplitHostPort(s.plan.metrics); s.plan.metrics != "" && !net.ParseIP(host).IsLoopback() {
		add("warning: everyone who can reach this machine can read the metrics")
	}
	return append(remarks, warnings(s.cluster.Openings())...)
}

func movedText(m cluster.Move) string {
	if !m.Taken {
		return fmt.Sprintf("the %s moved to %d, to keep clear of other ports", m.What, m.To)
	}
	return fmt.Sprintf("port %d is in use by %s: the %s moved to %d", m.From, m.Holder, m.What, m.To)
}

// warnings are what the addresses of the front mean, if it is not what people expect.
func warnings(openings []cluster.Opening) []string {
	var found []string
	public := false
	for _, o := range openings {
		address, ok := o.Addr.(*net.TCPAddr)
		if !ok {
			continue
		}
		public = public || !address.IP.IsLoopback()
		if cluster.RefusedByBrowsers(address.Port) {
			found = append(found, fmt.Sprintf("warning: browsers refuse to open port %d; choose another with --listen", address.Port))
		}
	}
	if public {
		found = append(found, "warning: everyone who can reach this machine can use the front")
	}
	return found
}

// oneLine is a command without the lines after its first: some are whole scripts.
func oneLine(command, ellipsis string) string {
	if first, _, more := strings.Cut(command, "\n"); more {
		return first + ellipsis
	}
	return command
}

// portRange shows a few ports in full and many by the first and the last.
func portRange(ports []int, ellipsis string) string {
	if len(ports) > 5 {
		return fmt.Sprintf("%d%s%d (%d)", ports[0], ellipsis, ports[len(ports)-1], len(ports))
	}
	return joinInts(ports)
}
