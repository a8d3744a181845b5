package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errNonsense says that a worker sent something that is no HTTP/1 response, or one that could be read in two ways.
var errNonsense = errors.New("cannot read the response")

func nonsense(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errNonsense, fmt.Sprintf(format, args...))
}

// A field is one line of a head. Its name is in canonical form.
type field struct{ name, value string }

// A head is a response's head. It is used again for the next response.
type head struct {
	status  int
	fields  []field
	length  int64 // of the body by Content-Length; -1 = none was given
	chunked bool
	close   bool   // the connection ends with this response
	upgrade string // the value of Upgrade
	ticks   int64  // how long the connection may be idle, see upstream.put
	listed  []string
}

// readHead waits for a response's head and parses it. What follows the head is left in the buffer.
func (h *head) readHead(in *reader) error {
	end, err := headEnd(in)
	if err != nil {
		return err
	}
	text := string(in.buffered()[:end]) // the one copy: all names and values are parts of it
	in.skip(end)
	return h.parse(text)
}

// headEnd fills the buffer until it has the empty line that ends a head, and returns its length with that line. It looks
// at every line as it comes, so that a worker which speaks something else is not waited for.
func headEnd(in *reader) (int, error) {
	line := 0 // where the line begins, in what is buffered
	for {
		seen := in.buffered()
		if n := min(len(seen), len(httpPrefix)); string(seen[:n]) != httpPrefix[:n] {
			return 0, nonsense("it begins with %q", seen[:min(len(seen), 16)])
		}
		for {
			n := bytes.IndexByte(seen[line:], '\n')
			if n < 0 {
				break
			}
			empty := n == 0 || n == 1 && seen[line] == '\r'
			line += n + 1
			if empty {
				return line, nil
			}
		}
		switch err := in.fill(); {
		case errors.Is(err, errFull):
			return 0, nonsense("its head is longer than %d bytes", bigBuffer)
		case err != nil:
			return 0, err
		}
	}
}

// take fills the head with one that net/http has read from an HTTP/2 stream. The keys of trailer are announced, length is -1
// if it is not known.
func (h *head) take(status int, header, trailer http.Header, length int64) {
	*h = head{fields: h.fields[:0], listed: h.listed[:0], status: status, length: length}
	for name, values := range header {
		for _, v := range values {
			h.fields = append(h.fields, field{name, v})
		}
	}
	if len(trailer) > 0 {
		h.fields = append(h.fields, field{"Trailer", strings.Join(slices.Sorted(maps.Keys(trailer)), ", ")})
	}
}

const httpPrefix = "HTTP/1."

// cutLine takes the first line off a head. It may end with LF alone: RFC 9112 section 2.2 lets a recipient accept that, and
// servers written by hand, in class or in a script, do it. What the client gets has CRLF.
func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// parse reads a complete head, with the empty line that ends it (RFC 9112 sections 4 and 5).
func (h *head) parse(text string) error {
	*h = head{fields: h.fields[:0], listed: h.listed[:0], length: -1, ticks: idleTicks}
	line, rest := cutLine(text)
	minor, err := h.parseStatus(line)
	if err != nil {
		return err
	}
	h.close = minor == '0'
	encoded := false
	for line, rest = cutLine(rest); line != ""; line, rest = cutLine(rest) {
		f, err := parseField(line)
		if err != nil {
			return err
		}
		h.fields = append(h.fields, f)
		switch f.name {
		case "Transfer-Encoding":
			if encoded || minor == '0' || !strings.EqualFold(f.value, "chunked") {
				return nonsense("Transfer-Encoding is %q", f.value)
			}
			encoded, h.chunked = true, true
		default:
			if err := h.note(f); err != nil {
				return err
			}
		}
	}
	if h.chunked && h.length >= 0 {
		return nonsense("it has both Content-Length and Transfer-Encoding") // RFC 9112 section 6.3: could be smuggling
	}
	return nil
}

// parseStatus reads "HTTP/1.1 200 OK", where " OK" may be missing.
func (h *head) parseStatus(line string) (minor byte, err error) {
	rest, ok := strings.CutPrefix(line, httpPrefix)
	if !ok || len(rest) < 5 || (rest[0] != '0' && rest[0] != '1') || rest[1] != ' ' || len(rest) > 5 && rest[5] != ' ' {
		return 0, nonsense("its first line is %.40q", line)
	}
	for _, digit := range []byte(rest[2:5]) {
		if digit < '0' || digit > '9' {
			return 0, nonsense("its first line is %.40q", line)
		}
		h.status = h.status*10 + int(digit-'0')
	}
	if h.status < 100 {
		return 0, nonsense("its status is %q", rest[2:5])
	}
	return rest[0], nil
}

// parseField reads "Name: value". White space before the colon and a line that continues another one (obs-fold) are
// refused (RFC 9112 sections 5.1 and 5.2).
func parseField(line string) (field, error) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) {
		return field{}, nonsense("a line of its head is %.40q", line)
	}
	if !isText(value) {
		return field{}, nonsense("the value of %s has a control character", name)
	}
	return field{http.CanonicalHeaderKey(name), strings.Trim(value, " \t")}, nil
}

// note remembers what a field says about the connection and the body.
func (h *head) note(f field) error {
	switch f.name {
	case "Content-Length":
		n, err := parseLength(f.value)
		if err != nil || h.length >= 0 && h.length != n {
			return nonsense("Content-Length is %q", f.value)
		}
		h.length = n
	case "Connection":
		for option := range strings.SplitSeq(f.value, ",") {
			option = strings.TrimSpace(option)
			h.close = h.close || strings.EqualFold(option, "close")
			h.listed = append(h.listed, http.CanonicalHeaderKey(option))
		}
	case "Keep-Alive":
		h.ticks = keepAliveTicks(f.value)
	case "Upgrade":
		h.upgrade = f.value
	}
	return nil
}

// parseLength reads digits and nothing else: strconv alone would take a sign.
func parseLength(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || s[0] == '+' {
		return 0, strconv.ErrSyntax
	}
	return int64(n), nil
}

// keepAliveTicks reads "timeout=5, max=100": a second less than the worker keeps the connection, so that it is not closed
// while a request is on its way.
func keepAliveTicks(value string) int64 {
	for param := range strings.SplitSeq(value, ",") {
		name, seconds, _ := strings.Cut(strings.TrimSpace(param), "=")
		if n, err := strconv.Atoi(seconds); err == nil && strings.EqualFold(name, "timeout") {
			return int64(time.Duration(min(max(n-1, 0), 60)) * time.Second / sweepEvery)
		}
	}
	return idleTicks
}

// isToken says whether s may be a field's name (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

// isText says whether s may be a field's value: no control characters but tabs (RFC 9110 section 5.5).
func isText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

var tokenBytes = func() (table [256]bool) {
	const letters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, b := range []byte(letters) {
		table[b] = true
	}
	return table
}()
