package dashboard

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"mime"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/inspect"
)

// A field is one line of a head, as people may see it.
type field struct {
	Name   string `json:"name"`
	Value  string `json:"value"`            // secrets in URLs are three stars
	Hidden bool   `json:"hidden,omitempty"` // the value is a secret and left out
}

// harmless are the fields whose values those may see who may only look. Of others nobody knows what their values are good for.
var harmless = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Age", "Allow", "Cache-Control", "Connection", "Content-Encoding",
	"Content-Language", "Content-Length", "Content-Range", "Content-Security-Policy", "Content-Type", "Date", "Etag", "Expires", "Host",
	"If-Modified-Since", "If-None-Match", "Last-Modified", "Range", "Retry-After", "Server", "Transfer-Encoding", "Upgrade",
	"Upgrade-Insecure-Requests", "User-Agent", "Vary", "X-Lbdev-Attempts", "X-Lbdev-Worker",
}

// A sight is how much somebody sees of what may be secret.
type sight int

const (
	readers sight = iota // of fields what is harmless
	careful              // all but what is named like a secret
	all                  // everything
)

func fields(head []inspect.Field, to sight) []field {
	shown := make([]field, 0, len(head))
	for _, f := range head {
		switch {
		case to == all:
			shown = append(shown, field{Name: f.Name, Value: f.Value})
		case proxy.IsSecret(f.Name), to == readers && !slices.Contains(harmless, f.Name):
			shown = append(shown, field{Name: f.Name, Hidden: true})
		default:
			shown = append(shown, field{Name: f.Name, Value: proxy.Redact(f.Value)})
		}
	}
	return shown
}

// A preview is the beginning of a body as text.
type preview struct {
	Bytes  int64  `json:"bytes"` // of the whole body, as it was sent
	Text   string `json:"text,omitempty"`
	Cut    bool   `json:"cut,omitempty"`    // Text is not all of it
	Hidden bool   `json:"hidden,omitempty"` // three stars stand for secrets in it
	Note   string `json:"note,omitempty"`   // how it became Text, or why it did not
}

// newPreview makes text of what was kept of a body; nil if it was empty.
func newPreview(m *inspect.Message, to sight) *preview {
	if m.Body.Bytes == 0 {
		return nil
	}
	p := &preview{Bytes: m.Body.Bytes, Cut: !m.Body.Whole}
	if len(m.Body.Start) == 0 {
		p.Note = "not kept"
		return p
	}
	content := p.unpack(m)
	if content == nil {
		return p
	}
	if p.Cut {
		content = wholeRunes(content)
	}
	if !isText(content) {
		p.Note = strings.TrimPrefix(p.Note+", not text", ", ")
		return p
	}
	p.Text = string(content)
	if to != all {
		shown := redactBody(head(m, "Content-Type"), p.Text)
		p.Hidden = shown != p.Text
		p.Text = shown
	}
	return p
}

var (
	// member is one of a JSON object: its name, what is between, and its value if that is no object or array.
	member = regexp.MustCompile(`"([^"\\]*)"(\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s",:{}\[\]]+)`)
	// part is one of a form: its head with the name, and its value.
	part = regexp.MustCompile(`(?is)(\bname="?([^"\r\n;]*)"?[^\n]*\n(?:[^\r\n]+\r?\n)*\r?\n)(.*?)(\r?\n--|$)`)
)

// redactBody puts three stars for the values of what is named like a secret, in the forms that such values are sent in.
func redactBody(contentType, text string) string {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case kind == "application/x-www-form-urlencoded":
		return proxy.Redact("?" + text)[1:]
	case kind == "multipart/form-data":
		return part.ReplaceAllStringFunc(text, func(found string) string {
			m := part.FindStringSubmatch(found)
			if !proxy.IsSecret(m[2]) {
				return found
			}
			return m[1] + "***" + m[4]
		})
	case kind == "application/json", strings.HasSuffix(kind, "+json"), kind == "text/plain": // which some say of JSON
		return member.ReplaceAllStringFunc(text, func(found string) string {
			m := member.FindStringSubmatch(found)
			if !proxy.IsSecret(m[1]) {
				return found
			}
			return `"` + m[1] + `"` + m[2] + `"***"`
		})
	}
	return text
}

// unpack takes the body's content codings off, at most as much of it as is shown; nil if that can't be done.
func (p *preview) unpack(m *inspect.Message) []byte {
	coding := strings.ToLower(strings.TrimSpace(head(m, "Content-Encoding")))
	packed := bytes.NewReader(m.Body.Start)
	var in io.Reader
	var err error
	switch coding {
	case "", "identity":
		return m.Body.Start
	case "gzip", "x-gzip":
		in, err = gzip.NewReader(packed)
	case "deflate":
		if in, err = zlib.NewReader(packed); err != nil { // some send it without zlib's head (RFC 9110 section 8.4.1.2)
			packed.Reset(m.Body.Start)
			in, err = flate.NewReader(packed), nil
		}
	default:
		p.Note = coding + ", not unpacked"
		return nil
	}
	if err != nil {
		p.Note = "no valid " + coding
		return nil
	}
	p.Note = coding + ", unpacked"
	content, err := io.ReadAll(io.LimitReader(in, inspect.Limit+1))
	if len(content) > inspect.Limit {
		content, p.Cut = content[:inspect.Limit], true
	}
	if err != nil && len(content) == 0 {
		p.Note = "no valid " + coding
		return nil
	}
	p.Cut = p.Cut || err != nil
	return content
}

// wholeRunes is text without the first bytes of a character whose others are missing.
func wholeRunes(text []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if last := text[len(text)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}

// isText says whether people can read it: it is UTF-8 without control characters other than those of text.
func isText(content []byte) bool {
	control := func(b byte) bool { return b < ' ' && !strings.ContainsRune("\t\n\r\f\x1b", rune(b)) }
	return utf8.Valid(content) && !slices.ContainsFunc(content, control)
}

// head is the first value of a field.
func head(m *inspect.Message, name string) string {
	for _, f := range m.Head {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}
