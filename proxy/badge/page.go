package badge

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// A Page is the body of a page on its way to the client. It puts the label where the page's content begins, so that also a page which
// never ends has it at once, and holds back nothing that could be seen.
type Page struct {
	next   func() ([]byte, error)
	label  string
	err    error // that of next
	placed bool  // the label is in, or it is known that there is no place

	begun bool   // its first characters have come
	held  []byte // from a token on that has to be looked at again, as more may come
	shown int    // how much of held has been passed on
	depth int    // how many <template>s are open there: what is in them is not shown

	raw    string // the element that was open in the end and has nothing but text; "" = none
	closes bool   // what may be its end has come
}

// NewPage takes the pieces of the body from next, which ends them with io.EOF. A gzipped body is unpacked.
func NewPage(next func() ([]byte, error), gzipped bool, worker, port int) *Page {
	if gzipped {
		u := &unpacker{in: reader{next: next}}
		next = u.next
	}
	return &Page{next: next, label: label(worker, port)}
}

// Next returns the next piece, which is valid until the call after; after the last one io.EOF. Other errors are those of next, or
// say that the body is no valid gzip.
func (p *Page) Next() ([]byte, error) {
	for p.err == nil {
		piece, err := p.next()
		if p.placed {
			return piece, err
		}
		if p.err = err; err != nil && err != io.EOF {
			break // which is cut anyway
		}
		p.held = append(p.held, piece...)
		if out := p.scan(err == io.EOF); len(out) > 0 {
			return out, nil
		}
	}
	return nil, p.err
}

// maxHeld bounds what is looked at again and again. A head that is longer gets no label.
const maxHeld = 128 << 10

// scan looks for the place in what is held, and returns what can be passed on. over says that nothing more comes.
func (p *Page) scan(over bool) []byte {
	if !p.begun {
		if p.begun = over || len(p.held) >= len(utf8Mark); !p.begun {
			return nil
		}
		if isWide(p.held) {
			return p.settle(nil, 0, "")
		}
		if rest, marked := bytes.CutPrefix(p.held, utf8Mark); marked {
			p.held = rest
			return slices.Concat(utf8Mark, p.scan(over))
		}
	}
	if len(p.held) > maxHeld {
		return p.settle(nil, p.shown, "")
	}
	if p.raw != "" && !over && !p.mayClose() {
		at := p.shown
		p.shown = len(p.held)
		return p.held[at:]
	}
	s := scanner{Tokenizer: html.NewTokenizer(bytes.NewReader(p.held)), depth: p.depth}
	var out []byte
	at, again := 0, 0 // again is from where the next scan looks
	for s.next(p.held[at:]) {
		end := at + len(s.token)
		if end == len(p.held) && !over && s.mayGrow() && !s.showsAlready() {
			break
		}
		switch s.place() {
		case before:
			return p.settle(out, at, p.label)
		case after:
			return p.settle(out, end, p.label)
		case nowhere:
			return p.settle(out, at, "")
		}
		if end > p.shown { // it was not passed on by an earlier scan
			out = append(out, s.allowed(p.held[max(at, p.shown):end])...)
			p.shown = end
		}
		if at = end; s.raw == "" {
			again, p.depth = end, s.depth
		}
	}
	switch {
	case over && s.raw != "":
		return p.settle(out, at, "") // in a script or the like that does not end
	case over:
		return p.settle(out, at, p.label)
	case s.raw != "": // whatever else belongs to it, nothing in there is a place
		out = append(out, p.held[max(at, p.shown):]...)
		p.shown = len(p.held)
	}
	p.raw, p.closes = s.raw, p.closes && s.raw != ""
	p.held = append(p.held[:0], p.held[again:]...)
	p.shown -= again
	return out
}

// mayClose says whether the end of the raw element may have come, so that it is worth to scan all of that again.
func (p *Page) mayClose() bool {
	end := "</" + p.raw
	p.closes = p.closes || strings.Contains(strings.ToLower(string(p.held[max(p.shown-len(end), 0):])), end)
	return p.closes
}

// settle puts the label at its place and passes on all that is held.
func (p *Page) settle(out []byte, at int, label string) []byte {
	at = max(at, p.shown)
	out = append(out, p.held[p.shown:at]...)
	out = append(out, label...)
	out = append(out, p.held[at:]...)
	p.placed, p.held = true, nil
	return out
}

var utf8Mark = []byte("\ufeff")

// isWide says whether a page begins with the mark of UTF-16.
func isWide(page []byte) bool {
	return bytes.HasPrefix(page, []byte("\xfe\xff")) || bytes.HasPrefix(page, []byte("\xff\xfe"))
}

// A place is where the label is to be put.
type place int

const (
	further place = iota // not here
	before               // this token
	after                // this token
	nowhere              // in a page like this
)

// A scanner looks at one token of HTML after the other.
type scanner struct {
	*html.Tokenizer
	kind  html.TokenType
	token []byte
	raw   string // the element that is open and has nothing but text; "" = none
	depth int    // how many <template>s are open
	meta  *html.Token
}

// next goes to the next token, with which the rest begins, if there is one.
func (s *scanner) next(rest []byte) bool {
	s.kind = s.Tokenizer.Next()
	s.token, s.meta = rest[:len(s.Raw())], nil
	return s.kind != html.ErrorToken
}

// mayGrow says whether there may be more of the token than has come. Of a tag there is none without its end.
func (s *scanner) mayGrow() bool {
	return s.kind == html.TextToken || s.kind == html.CommentToken || s.kind == html.DoctypeToken
}

// showsAlready says that a token can be seen, though more of it may come.
func (s *scanner) showsAlready() bool {
	text, _, _ := bytes.Cut(s.token, []byte("<")) // which may be the beginning of anything
	return s.kind == html.TextToken && s.shows(text)
}

// shows says whether a text is part of what people see.
func (s *scanner) shows(text []byte) bool {
	return s.raw == "" && s.depth == 0 && len(bytes.Trim(text, " \t\r\n\f")) > 0
}

// place says where the label is to be put, as far as this token tells.
func (s *scanner) place() place {
	switch s.kind {
	case html.TextToken:
		if s.shows(s.token) {
			return before
		}
	case html.EndTagToken:
		name, _ := s.TagName()
		if string(name) == s.raw {
			s.raw = ""
		}
		if string(name) == "template" && s.depth > 0 {
			s.depth--
		}
	case html.StartTagToken, html.SelfClosingTagToken:
		return s.start(s.Token())
	}
	return further
}

// start is place for the beginning of an element.
func (s *scanner) start(t html.Token) place {
	switch t.Data {
	case "script", "style", "title", "noscript", "textarea", "iframe", "xmp", "noembed", "noframes", "plaintext":
		s.raw = t.Data
	case "template":
		s.depth++
	}
	if s.depth > 0 {
		return further
	}
	switch t.Data {
	case "html", "head", "title", "base", "link", "style", "script", "noscript", "template":
		return further
	case "meta":
		s.meta = &t
		return further
	case "body":
		return after
	case "frameset":
		return nowhere
	}
	return before // the body begins without a tag
}

// allowed is what of a token is passed on: of a policy that stands in the page, one that lets the label's style in.
func (s *scanner) allowed(text []byte) []byte {
	if s.meta == nil {
		return text
	}
	attribute := func(name string) *string {
		for i := range s.meta.Attr {
			if s.meta.Attr[i].Key == name {
				return &s.meta.Attr[i].Val
			}
		}
		return new(string)
	}
	content := attribute("content")
	if !strings.EqualFold(strings.TrimSpace(*attribute("http-equiv")), "Content-Security-Policy") || allow(*content) == *content {
		return text
	}
	*content = allow(*content)
	return []byte(s.meta.String())
}
