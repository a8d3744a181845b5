package procs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// split feeds the chunks and finishes; it writes a partial line with a ~ behind it and a cut one with a !.
func split(chunks ...string) []string {
	var s splitter
	var got []string
	add := func(lines []Line) {
		for _, l := range lines {
			text := l.Text
			if l.Cut {
				text += "!"
			}
			if l.Partial {
				text += "~"
			}
			got = append(got, text)
		}
	}
	for _, c := range chunks {
		add(s.feed([]byte(c), time.Time{}))
	}
	add(s.finish(time.Time{}))
	return got
}

var splitCases = []struct {
	name, in string
	want     []string
}{
	{"nothing", "", nil},
	{"lines", "one\ntwo\n", []string{"one", "two"}},
	{"empty lines", "\n\na\n\n", []string{"", "", "a", ""}},
	{"last words", "one\ntwo", []string{"one", "two~"}},
	{"CRLF", "one\r\ntwo\r\n", []string{"one", "two"}},
	{"CRLF through a terminal", "one\r\r\ntwo\r\r\n", []string{"one", "two"}},
	{"last words with CR", "one\r", []string{"one~"}},
	{"CR overwrites", "10%\r50%\r100%\ndone\n", []string{"100%", "done"}},
	{"CR overwrites with a longer line", "abc\rlonger\n", []string{"longer"}},
	{"CR and nothing", "abc\r\x1b[31m\n", []string{"abc"}},
	{"spinner", "|\b/\b-\b\\\bok\n", []string{"ok"}},
	{"backspace", "abé\b\bxy\n", []string{"axy"}},
	{"backspace at the start", "\b\bab\n", []string{"ab"}},
	{"backspace over all", "ab\b\b\b\n", []string{""}},
	{"tab", "a\tb\n", []string{"a\tb"}},
	{"NUL and controls", "a\x00b\x07c\x0b\x0c\x7fd\n", []string{"abcd"}},
	{"C1 controls", "a\u0085b\u009b31mc\n", []string{"ab31mc"}},
	{"unicode", "grüße 日本 🎉\n", []string{"grüße 日本 🎉"}},
	{"invalid", "a\xffb\xc3(\xe2\x82\n", []string{"a\uFFFDb\uFFFD(\uFFFD\uFFFD"}},
	{"surrogate and too long", "\xed\xa0\x80\xc0\xaf\n", []string{strings.Repeat("\uFFFD", 5)}},
	{"invalid before an escape", "\xe2\x82\x1b[31ma\n", []string{"\uFFFD\uFFFD\x1b[31ma\x1b[0m"}},
	{"rune without end", "a\xe2\x82", []string{"a\uFFFD\uFFFD~"}},
	{"colour", "\x1b[32mok\x1b[0m done\n", []string{"\x1b[32mok\x1b[0m done"}},
	{"colour off with m", "\x1b[32mok\x1b[m\n", []string{"\x1b[32mok\x1b[0m"}},
	{"colour off with 39", "\x1b[32mok\x1b[39m done\n", []string{"\x1b[32mok\x1b[0m done"}},
	{"colour goes on", "\x1b[1;31mred\nstill\x1b[0m\nplain\n", []string{"\x1b[1;31mred\x1b[0m", "\x1b[1;31mstill\x1b[0m", "plain"}},
	{"colour over an empty line", "\x1b[31m\n\nred\n", []string{"", "", "\x1b[31mred\x1b[0m"}},
	{"colour of last words", "\x1b[31mred", []string{"\x1b[31mred\x1b[0m~"}},
	{"bold stays, red goes", "\x1b[1m\x1b[31mred\x1b[39mbold\n", []string{"\x1b[1;31mred\x1b[0;1mbold\x1b[0m"}},
	{"256 colours", "\x1b[38;5;208;1mx\x1b[48:2::1:2:3my\n", []string{"\x1b[1;38;5;208mx\x1b[0;1;38;5;208;48:2::1:2:3my\x1b[0m"}},
	{"true colour", "\x1b[38;2;255;128;0;4mx\n", []string{"\x1b[4;38;2;255;128;0mx\x1b[0m"}},
	{"curly underline", "\x1b[4:3;58;5;1mx\x1b[4:0;59my\n", []string{"\x1b[4;58;5;1mx\x1b[0my"}},
	{"broken colour", "\x1b[38;7;1mx\x1b[38;5my\x1b[999mz\n", []string{"xyz"}},
	{"no colour though m", "\x1b[>4;1mx\x1b[?4my\x1b[1 mz\n", []string{"xyz"}},
	{"backspace over a colour", "a\x1b[31mb\bc\x1b[0m\bd\n", []string{"a\x1b[0md"}},
	{"overwritten colour", "\x1b[31mred\x1b[0m\rplain\n", []string{"plain"}},
	{"colour over CR", "\x1b[31mred\rstill\n", []string{"\x1b[31mstill\x1b[0m"}},
	{"clear screen", "\x1b[2J\x1b[Hhello\x1b[K\n", []string{"hello"}},
	{"cursor", "\x1b[?25la\x1b[1A\x1b[2Kb\x1b[?25h\n", []string{"ab"}},
	{"charset and two bytes", "\x1b(Ba\x1b=b\x1bMc\x1b7d\n", []string{"abcd"}},
	{"title", "\x1b]0;title\aa\x1b]0;title\x1b\\b\n", []string{"ab"}},
	{"link", "\x1b]8;;http://x/\x1b\\text\x1b]8;;\x1b\\\n", []string{"text"}},
	{"DCS", "\x1bPq#0;2\x1b\\a\n", []string{"a"}},
	{"string ended by an escape", "\x1b]0;title\x1b[31ma\n", []string{"\x1b[31ma\x1b[0m"}},
	{"unterminated string", "a\x1b]0;title\nb\n", []string{"a", "b"}},
	{"unterminated control", "a\x1b[12\nb\n", []string{"a", "b"}},
	{"unterminated at the end", "a\x1b[12", []string{"a~"}},
	{"CAN", "a\x1b[12\x18b\n", []string{"ab"}},
	{"escape after escape", "\x1b\x1b[31ma\n", []string{"\x1b[31ma\x1b[0m"}},
	{"rune ends a control", "\x1b[12é\n", []string{"é"}},
	{"endless control", "\x1b[" + strings.Repeat("1", 1000) + "\n", []string{strings.Repeat("1", 1000-256)}},
	{"endless string", "\x1b]" + strings.Repeat("x", 5000) + "\n", []string{strings.Repeat("x", 5000-4096)}},
	{"64 KiB", strings.Repeat("x", maxLine) + "\n", []string{strings.Repeat("x", maxLine)}},
	{"longer", strings.Repeat("x", maxLine+1) + "\nb\n", []string{strings.Repeat("x", maxLine) + "…!", "b"}},
	{"longer, at a rune", strings.Repeat("x", maxLine-1) + "é\n", []string{strings.Repeat("x", maxLine-1) + "…!"}},
	{"longer last words", strings.Repeat("x", maxLine+1), []string{strings.Repeat("x", maxLine) + "…!~"}},
	{"long and overwritten", strings.Repeat("x", maxLine+1) + "\rab\n", []string{"ab"}},
}

// TestSplit feeds each case whole, byte by byte and in random pieces: where a read ends must make no difference.
func TestSplit(t *testing.T) {
	for _, tt := range splitCases {
		t.Run(tt.name, func(t *testing.T) {
			if got := split(tt.in); !slices.Equal(got, tt.want) {
				t.Errorf("whole: got %q, want %q", got, tt.want)
			}
			if got := split(strings.Split(tt.in, "")...); utf8.ValidString(tt.in) && !slices.Equal(got, tt.want) {
				t.Errorf("rune by rune: got %q, want %q", got, tt.want)
			}
			if got := split(pieces(tt.in, func() int { return 1 })...); !slices.Equal(got, tt.want) {
				t.Errorf("byte by byte: got %q, want %q", got, tt.want)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 20 {
				cut := pieces(tt.in, func() int { return 1 + random.IntN(9) })
				if got := split(cut...); !slices.Equal(got, tt.want) {
					t.Fatalf("in pieces %q: got %q, want %q", cut, got, tt.want)
				}
			}
		})
	}
}

func pieces(s string, size func() int) []string {
	var out []string
	for len(s) > 0 {
		n := min(size(), len(s))
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}

// TestSplitFlush is about what a flush in the middle of a line leaves behind.
func TestSplitFlush(t *testing.T) {
	tests := []struct {
		name, before, after string
		want                []string
	}{
		{"prompt", "Name: ", "\nnext\n", []string{"Name: ~", "next"}},
		{"prompt, CRLF", "Name: ", "\r\nnext\n", []string{"Name: ~", "next"}},
		{"prompt, then an empty line", "Name: ", "\n\n", []string{"Name: ~", ""}},
		{"two halves", "one ", "two\n", []string{"one ~", "two"}},
		{"frame", "10%\r", "20%\n", []string{"10%~", "20%"}},
		{"colour", "\x1b[31mred", "still\n", []string{"\x1b[31mred\x1b[0m~", "\x1b[31mstill\x1b[0m"}},
		{"in a rune", "a\xc3", "\xa9b\n", []string{"a~", "éb"}},
		{"in an escape", "a\x1b[3", "1mb\n", []string{"a~", "\x1b[31mb\x1b[0m"}},
		{"in a cut line", strings.Repeat("x", maxLine+1), "dropped\nb\n", []string{strings.Repeat("x", maxLine) + "…!~", "b"}},
		{"nothing pending", "a\n", "b\n", []string{"a", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s splitter
			var got []string
			add := func(lines []Line) {
				for _, l := range lines {
					got = append(got, l.Text+map[bool]string{true: "!"}[l.Cut]+map[bool]string{true: "~"}[l.Partial])
				}
			}
			add(s.feed([]byte(tt.before), time.Time{}))
			add(s.flush(time.Time{}))
			add(s.feed([]byte(tt.after), time.Time{}))
			add(s.finish(time.Time{}))
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSplitPlainAllocates holds the promise of the fast path: one string for each read.
func TestSplitPlainAllocates(t *testing.T) {
	chunk := []byte(strings.Repeat(strings.Repeat("x", 59)+"\r\n", 1000))
	var s splitter
	s.feed(chunk, time.Time{})
	got := testing.AllocsPerRun(100, func() {
		if n := len(s.feed(chunk, time.Time{})); n != 1000 {
			t.Fatalf("got %d lines", n)
		}
	})
	if got > 1 {
		t.Errorf("%v allocations for one read, want 1", got)
	}
}

// FuzzSplit checks what Line promises whatever comes, and that the ends of reads make no difference.
func FuzzSplit(f *testing.F) {
	for _, tt := range splitCases {
		if len(tt.in) < 1000 {
			f.Add([]byte(tt.in), uint8(3))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		whole := split(string(in))
		cut := split(pieces(string(in), func() int { return 1 + int(size) })...)
		if !slices.Equal(whole, cut) {
			t.Fatalf("whole %q, in pieces %q", whole, cut)
		}
		var s splitter
		lines := slices.Clone(s.feed(in, time.Time{}))
		lines = append(lines, s.finish(time.Time{})...)
		for _, l := range lines {
			if err := checkText(l.Text); err != nil {
				t.Fatalf("%q gives %q: %v", in, l.Text, err)
			}
		}
	})
}

// checkText says how text breaks what Line.Text promises.
func checkText(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("invalid UTF-8")
	}
	if len(text) > maxLine+len("…\x1b[0m") {
		return fmt.Errorf("%d bytes", len(text))
	}
	on := false
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if r == esc {
			end := strings.IndexByte(rest, 'm')
			if !strings.HasPrefix(rest, "\x1b[") || end < 3 || !isSGR([]byte(rest[2:end])) {
				return fmt.Errorf("an escape that is no colour")
			}
			on, size = rest[2:end] != "0", end+1
		} else if r < ' ' && r != '\t' || r >= del && r < 0xa0 {
			return fmt.Errorf("control %q", r)
		}
		rest = rest[size:]
	}
	if on {
		return fmt.Errorf("a colour stays on")
	}
	return nil
}

func BenchmarkSplit(b *testing.B) {
	line := "2024-05-01 12:00:00,123 INFO GET /cart?id=4711 200 12 ms ok"
	for name, text := range map[string]string{
		"plain":    line + "\n",
		"terminal": line + "\r\n",
		"coloured": "\x1b[32mINFO\x1b[0m " + line[:50] + "\n",
		"unicode":  "größer " + line[:50] + "\n",
		"junk":     "\x00\xff\x1b[2K" + line[:50] + "\n",
	} {
		b.Run(name, func(b *testing.B) {
			chunk := []byte(strings.Repeat(text, readSize/len(text)))
			lines := 0
			var s splitter
			b.SetBytes(int64(len(chunk)))
			b.ReportAllocs()
			for b.Loop() {
				lines += len(s.feed(chunk, time.Time{}))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(lines), "ns/line")
		})
	}
}
