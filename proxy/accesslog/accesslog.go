// Package accesslog writes requests as lines, in the formats that the tools of this field read, or in one of the user's own.
//
//	appendLine, err := accesslog.Compile("combined")
//	…
//	buf = appendLine(buf, access) // one line, with its newline
//
// # Formats
//
//	common    127.0.0.1 - ann [02/Jan/2026:03:04:05 +0100] "GET /cart HTTP/1.1" 200 512
//	combined  the same, with "referer" and "user agent", as Apache and nginx have it
//	text      2026-01-02T03:04:05.678+01:00 GET /cart 200 14.205 ms 8001 refused, 8000 200
//
// Anything with a { in it is a template: {name} stands for a part of the request (see Names), {{ and }} for a brace. A name
// that there is not is an error.
//
// # What clients send
//
// Nothing that a client sends can end a line, or a quoted part of it: quotation marks, backslashes, control characters and
// bytes beyond ASCII become \xHH, as nginx has it, and so do spaces where a part stands without quotation marks. What is not
// known is -. The status of a request whose client went away before it had one is 499, which is nginx's for that. Values of
// parameters that are secret by their name are left out (see proxy.Redact).
package accesslog

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// A Format appends a request as one line, with its newline. It keeps nothing of the request, and costs no allocation but for a
// path that has secrets in it, and for {why}.
type Format func(buf []byte, a *proxy.Access) []byte

// The formats that have a name.
const (
	Text     = "text"
	Common   = "common"
	Combined = "combined"
)

var named = map[string]string{
	Text:     `{time} {method} {path} {status} {total_ms} ms {attempts}`,
	Common:   `{client} - {user} [{time_clf}] "{request}" {status} {bytes}`,
	Combined: `{client} - {user} [{time_clf}] "{request}" {status} {bytes} "{referer}" "{user_agent}"`,
}

// A part is a piece of a line.
type part func(buf []byte, a *proxy.Access) []byte

// parts are what a template can name.
var parts = map[string]part{
	"time": func(buf []byte, a *proxy.Access) []byte {
		return a.Start.AppendFormat(buf, "2006-01-02T15:04:05.000Z07:00")
	},
	"time_clf": func(buf []byte, a *proxy.Access) []byte {
		return a.Start.AppendFormat(buf, "02/Jan/2006:15:04:05 -0700")
	},
	"time_unix":     func(buf []byte, a *proxy.Access) []byte { return appendFixed(buf, a.Start.UnixMilli()) },
	"client":        func(buf []byte, a *proxy.Access) []byte { return appendWord(buf, a.Client) },
	"user":          func(buf []byte, a *proxy.Access) []byte { return appendWord(buf, a.User) },
	"method":        func(buf []byte, a *proxy.Access) []byte { return appendWord(buf, a.Method) },
	"path":          func(buf []byte, a *proxy.Access) []byte { return appendWord(buf, proxy.Redact(a.Path)) },
	"proto":         func(buf []byte, a *proxy.Access) []byte { return appendWord(buf, a.Proto) },
	"host":          func(buf []byte, a *proxy.Access) []byte { return appendWord(buf, a.Host) },
	"request":       appendRequest,
	"status":        appendStatus,
	"bytes":         appendBytes,
	"referer":       func(buf []byte, a *proxy.Access) []byte { return appendQuoted(buf, proxy.Redact(a.Referer)) },
	"user_agent":    func(buf []byte, a *proxy.Access) []byte { return appendQuoted(buf, a.UserAgent) },
	"worker":        func(buf []byte, a *proxy.Access) []byte { return appendNumber(buf, a.Worker) },
	"port":          func(buf []byte, a *proxy.Access) []byte { return appendNumber(buf, a.Port) },
	"outcome":       func(buf []byte, a *proxy.Access) []byte { return append(buf, a.Outcome...) },
	"reason":        func(buf []byte, a *proxy.Access) []byte { return appendQuoted(buf, a.Reason) },
	"why":           appendWhy,
	"attempts":      appendAttempts,
	"tries":         func(buf []byte, a *proxy.Access) []byte { return strconv.AppendInt(buf, int64(len(a.Attempts)), 10) },
	"total_ms":      func(buf []byte, a *proxy.Access) []byte { return appendMillis(buf, a.Total) },
	"held_ms":       func(buf []byte, a *proxy.Access) []byte { return appendMillis(buf, a.Held) },
	"connect_ms":    func(buf []byte, a *proxy.Access) []byte { return appendMillis(buf, last(a).Connect) },
	"first_byte_ms": func(buf []byte, a *proxy.Access) []byte { return appendMillis(buf, last(a).FirstByte) },
}

// Names are what a template can name.
func Names() []string {
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Compile reads a format: one of those with a name, or a template. Its error names what there is.
func Compile(format string) (Format, error) {
	template := format
	if t, ok := named[format]; ok {
		template = t
	} else if !strings.Contains(format, "{") {
		return nil, fmt.Errorf("cannot use access format %q: there are %s, %s and %s, and templates such as %q", format, Text, Common, Combined, "{client} {path}")
	}
	pieces, err := parse(template)
	if err != nil {
		return nil, fmt.Errorf("cannot use access format %q: %w", format, err)
	}
	return func(buf []byte, a *proxy.Access) []byte {
		for _, piece := range pieces {
			buf = piece(buf, a)
		}
		return append(buf, '\n')
	}, nil
}

// parse reads a template.
func parse(template string) ([]part, error) {
	var pieces []part
	text := ""
	flush := func() {
		if fixed := text; fixed != "" {
			pieces = append(pieces, func(buf []byte, _ *proxy.Access) []byte { return append(buf, fixed...) })
		}
		text = ""
	}
	for rest := template; rest != ""; {
		at := strings.IndexAny(rest, "{}\r\n")
		if at < 0 {
			text += rest
			break
		}
		text += rest[:at]
		brace := rest[at : at+1]
		rest = rest[at+1:]
		switch {
		case brace == "\n" || brace == "\r":
			return nil, errors.New("a request is one line")
		case strings.HasPrefix(rest, brace):
			text += brace
			rest = rest[1:]
			continue
		case brace == "}":
			return nil, errors.New("a } has no { before it; write }} for a brace")
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return nil, errors.New("a { has no } behind it; write {{ for a brace")
		}
		p := parts[name]
		if p == nil {
			return nil, fmt.Errorf("there is no {%s}; there are %s", name, strings.Join(Names(), ", "))
		}
		flush()
		pieces = append(pieces, p)
		rest = after
	}
	flush()
	return pieces, nil
}

func appendRequest(buf []byte, a *proxy.Access) []byte {
	buf = append(appendWord(buf, a.Method), ' ')
	buf = append(appendWord(buf, proxy.Redact(a.Path)), ' ')
	return appendWord(buf, a.Proto)
}

// statusGone is what nginx writes of a client that went away.
const statusGone = 499

func appendStatus(buf []byte, a *proxy.Access) []byte {
	if a.Status == 0 {
		return strconv.AppendInt(buf, statusGone, 10)
	}
	return strconv.AppendInt(buf, int64(a.Status), 10)
}

// appendBytes has - for nothing, as the common format wants it.
func appendBytes(buf []byte, a *proxy.Access) []byte {
	if a.Bytes == 0 {
		return append(buf, '-')
	}
	return strconv.AppendInt(buf, a.Bytes, 10)
}

// appendAttempts lists who was asked, and what came of it: 8001 refused, 8000 200.
func appendAttempts(buf []byte, a *proxy.Access) []byte {
	if len(a.Attempts) == 0 {
		return append(buf, '-')
	}
	for i := range a.Attempts {
		if i > 0 {
			buf = append(buf, ", "...)
		}
		buf = strconv.AppendInt(buf, int64(a.Attempts[i].Port), 10)
		buf = append(buf, ' ')
		buf = append(buf, a.Attempts[i].Result...)
	}
	return buf
}

func appendWhy(buf []byte, a *proxy.Access) []byte {
	if len(a.Attempts) == 0 {
		return append(buf, '-')
	}
	return appendQuoted(buf, a.Why(len(a.Attempts)-1))
}

// last is the attempt that answered, or failed last.
func last(a *proxy.Access) proxy.Attempt {
	if len(a.Attempts) == 0 {
		return proxy.Attempt{}
	}
	return a.Attempts[len(a.Attempts)-1]
}

func appendNumber(buf []byte, n int) []byte {
	if n == 0 {
		return append(buf, '-')
	}
	return strconv.AppendInt(buf, int64(n), 10)
}

// appendMillis has microseconds as decimals: 14.205.
func appendMillis(buf []byte, d time.Duration) []byte { return appendFixed(buf, d.Microseconds()) }

// appendFixed appends thousandths.
func appendFixed(buf []byte, n int64) []byte {
	n = max(n, 0)
	buf = strconv.AppendInt(buf, n/1000, 10)
	rest := n % 1000
	return append(buf, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
}

// appendWord appends what stands without quotation marks.
func appendWord(buf []byte, s string) []byte { return appendEscaped(buf, s, ' ') }

// appendQuoted appends what may have spaces.
func appendQuoted(buf []byte, s string) []byte { return appendEscaped(buf, s, ' '-1) }

// appendEscaped writes every byte up to the given one as \xHH, and others that could be taken for something else.
func appendEscaped(buf []byte, s string, upTo byte) []byte {
	if s == "" {
		return append(buf, '-')
	}
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; c <= upTo || c >= 0x7f || c == '"' || c == '\\' {
			buf = append(buf, '\\', 'x', digits[c>>4], digits[c&15])
		} else {
			buf = append(buf, c)
		}
	}
	return buf
}
