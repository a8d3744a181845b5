package logfile

import (
	"fmt"
	"strings"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
)

// timeFormat is RFC 3339 with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// appendLine appends a line of a worker's output.
func appendLine(buf []byte, l *cluster.LogLine) []byte {
	buf = append(l.Time.AppendFormat(buf, timeFormat), " | "...)
	return append(procs.AppendPlain(buf, l.Text), '\n')
}

// appendFact appends what the supervisor has to say.
func appendFact(buf []byte, t time.Time, format string, args ...any) []byte {
	buf = append(t.AppendFormat(buf, timeFormat), " lbdev: "...)
	text := fmt.Sprintf(format, args...)
	return append(append(buf, strings.ReplaceAll(text, "\n", " ")...), '\n')
}

// appendEvent appends what an event says of its worker.
func appendEvent(buf []byte, e *cluster.Event) []byte {
	if e.Kind != cluster.KindState {
		return appendFact(buf, e.Time, "%s", e.Text)
	}
	var b strings.Builder
	b.WriteString(string(e.State))
	if e.PID != 0 {
		fmt.Fprintf(&b, " pid %d", e.PID)
	}
	if e.Incarnation != 0 {
		fmt.Fprintf(&b, " (incarnation %d)", e.Incarnation)
	}
	if e.State == cluster.Ready && e.Took > 0 {
		fmt.Fprintf(&b, " after %v", e.Took.Round(time.Millisecond))
	}
	if e.Exit != nil {
		fmt.Fprintf(&b, ": %v after %v", e.Exit, e.Exit.Ran.Round(time.Millisecond))
	}
	if e.Killed > 0 {
		fmt.Fprintf(&b, ", %d killed as they did not end in time", e.Killed)
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.State == cluster.Backoff {
		b.WriteString(restart(e))
	} else if e.Restarts > 0 {
		fmt.Fprintf(&b, ", restart %d", e.Restarts)
	}
	return appendFact(buf, e.Time, "%s", b.String())
}

// restart says when the next start is. A worker that waits for its port has no number yet.
func restart(e *cluster.Event) string {
	switch {
	case e.Restarts == 0:
		return fmt.Sprintf(", next look in %v", e.Delay)
	case e.Delay == 0:
		return fmt.Sprintf(", restart %d now", e.Restarts)
	}
	return fmt.Sprintf(", restart %d in %v", e.Restarts, e.Delay.Round(time.Millisecond))
}
