package badge

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
)

// pieces gives one piece after the other, and then io.EOF.
func pieces(all ...string) func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(all) == 0 {
			return nil, io.EOF
		}
		piece := []byte(all[0])
		all = all[1:]
		return piece, nil
	}
}

// passed is what a page becomes, with [L] for the label and a separator between what comes out at once.
func passed(t testing.TB, p *Page, separator string) string {
	t.Helper()
	var out []string
	for {
		piece, err := p.Next()
		if err == io.EOF && len(piece) == 0 {
			return strings.ReplaceAll(strings.Join(out, separator), p.label, "[L]")
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(piece))
	}
}

func bytewise(text string) (parts []string) {
	for i := range len(text) {
		parts = append(parts, text[i:i+1])
	}
	return parts
}

func TestPage(t *testing.T) {
	tests := []struct{ name, page, want string }{
		{"a whole page", "<!doctype html><html lang=en><head><title>a<b</title></head>\n<body class='x'><h1>hello</h1></body></html>",
			"<!doctype html><html lang=en><head><title>a<b</title></head>\n<body class='x'>[L]<h1>hello</h1></body></html>"},
		{"no body's tag", "<!DOCTYPE html>\n<title>x</title><p>hello", "<!DOCTYPE html>\n<title>x</title>[L]<p>hello"},
		{"nothing but text", "hello", "[L]hello"},
		{"after a mark of UTF-8", "\ufeff<p>hello", "\ufeff[L]<p>hello"},
		{"nothing", "", "[L]"},
		{"nothing but a head", "<head><title>x</title></head>", "<head><title>x</title></head>[L]"},
		{"a script with a body's tag in it", "<script>'<body>' < 1</script><BODY>x", "<script>'<body>' < 1</script><BODY>[L]x"},
		{"a comment with one", "<!-- <body> --><link rel=x><body>x", "<!-- <body> --><link rel=x><body>[L]x"},
		{"a tag in an attribute", "<meta content='<body>'><body>x", "<meta content='<body>'><body>[L]x"},
		{"noscript in the head", "<noscript><p>no</p></noscript><body>x", "<noscript><p>no</p></noscript><body>[L]x"},
		{"a template in the head", "<template><template></template><p>x</p></template><p>y", "<template><template></template><p>x</p></template>[L]<p>y"},
		{"frames", "<html><frameset><frame src=a></frameset>", "<html><frameset><frame src=a></frameset>"},
		{"a script that does not end", "<script>x", "<script>x"},
		{"a tag that does not end", "<title>x</title><p", "<title>x</title>[L]<p"},
		{"UTF-16", "\xff\xfe<\x00b\x00", "\xff\xfe<\x00b\x00"},
		{"a policy", `<meta http-equiv="Content-Security-Policy" content="style-src 'self'; img-src *"><p>x`,
			`<meta http-equiv="Content-Security-Policy" content="style-src &#39;self&#39; ` + styleHash + `; img-src *">[L]<p>x`},
		{"a policy that allows it", `<meta http-equiv=content-security-policy content="img-src *"><p>x`,
			`<meta http-equiv=content-security-policy content="img-src *">[L]<p>x`},
	}
	for _, tc := range tests {
		want := strings.ReplaceAll(tc.want, styleHash, strings.ReplaceAll(styleHash, "'", "&#39;"))
		if got := passed(t, NewPage(pieces(tc.page), false, 1, 8000), ""); got != want {
			t.Errorf("%s: %s, want %s", tc.name, got, want)
		}
		if got := passed(t, NewPage(pieces(bytewise(tc.page)...), false, 1, 8000), ""); got != want {
			t.Errorf("%s, byte by byte: %s, want %s", tc.name, got, want)
		}
	}
}

// TestPageStreams: nothing that could be seen waits for what comes after it, nor does a head.
func TestPageStreams(t *testing.T) {
	tests := []struct {
		in   []string
		want string
	}{
		{[]string{"tick 1\n", "tick 2\n"}, "[L]tick 1\n|tick 2\n"},
		{[]string{"<html><head><link rel=stylesheet href=a>\n", "<title>x</ti", "tle><bo", "dy>", "a", "b"},
			"<html><head><link rel=stylesheet href=a>|\n<title>x</ti|tle>|<body>[L]|a|b"},
		{[]string{"<script>a", "b", "</script><", "p>x", "y"}, "<script>a|b|</script>|[L]<p>x|y"},
		{[]string{" \n", "x <"}, "[L] \nx <"},
	}
	for _, tc := range tests {
		if got := passed(t, NewPage(pieces(tc.in...), false, 1, 8000), "|"); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.in, got, tc.want)
		}
	}
}

// packed is gzip of texts, each of them flushed.
func packed(texts ...string) (parts []string) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	for _, text := range texts {
		io.WriteString(z, text)
		z.Flush()
		parts = append(parts, buf.String())
		buf.Reset()
	}
	z.Close()
	return append(parts, buf.String())
}

// TestPageUnpacks: what a worker has packed and flushed comes out at once.
func TestPageUnpacks(t *testing.T) {
	parts := packed("<body>one", "two", "three")
	given := 0
	p := NewPage(func() ([]byte, error) {
		if given++; given > len(parts) {
			return nil, io.EOF
		}
		return []byte(parts[given-1]), nil
	}, true, 1, 8000)
	for i, want := range []string{"<body>" + p.label + "one", "two", "three"} {
		if got, err := p.Next(); string(got) != want || err != nil || given != i+1 {
			t.Errorf("%q after %d pieces, %v, want %q", got, given, err, want)
		}
	}
	if got, err := p.Next(); len(got) != 0 || err != io.EOF || given != 5 {
		t.Errorf("in the end %q, %v after %d pieces", got, err, given)
	}
	if _, err := NewPage(pieces("no gzip at all"), true, 1, 8000).Next(); !errors.Is(err, ErrPacking) {
		t.Errorf("no gzip: %v", err)
	}
	broken := errors.New("broken")
	p = NewPage(func() ([]byte, error) { return nil, broken }, true, 1, 8000)
	if _, err := p.Next(); !errors.Is(err, broken) || errors.Is(err, ErrPacking) {
		t.Errorf("a body that breaks off: %v", err)
	}
}

// FuzzPage: whatever a page is and however it comes, it goes on as it was, but for the label, whose place is always the same.
func FuzzPage(f *testing.F) {
	f.Add("<!doctype html><title>x</title><body class=a>x", uint8(3))
	f.Add("<script>a</script><noscript>b</noscript><template><p></template>\n<p>x", uint8(1))
	f.Add("<!-- a --> <", uint8(2))
	f.Fuzz(func(t *testing.T, page string, size uint8) {
		if strings.Contains(strings.ToLower(page), "http-equiv") {
			return // which may be rewritten
		}
		whole := passed(t, NewPage(pieces(page), false, 1, 8000), "")
		if strings.Replace(whole, "[L]", "", 1) != page && whole != page {
			t.Fatalf("%q became %q", page, whole)
		}
		var parts []string
		for rest := page; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			parts, rest = append(parts, rest[:n]), rest[n:]
		}
		if got := passed(t, NewPage(pieces(parts...), false, 1, 8000), ""); got != whole {
			t.Fatalf("%q in pieces of %d became %q, whole %q", page, int(size)+1, got, whole)
		}
	})
}
