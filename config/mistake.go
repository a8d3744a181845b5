package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Mistake is one thing that is wrong with a file.
type Mistake struct {
	File   string // its name
	Place         // the zero value is the file as a whole
	Key    string // that it is about; empty = none
	Wrong  string // what is wrong
	Meant  string // what was meant, probably; empty = who knows
	Source string // the line, as it is in the file
	Err    error  // the cause, where somebody else has found it
}

// Mistakes are all that is wrong with a file, from the top down.
type Mistakes []*Mistake

// Unwrap is the cause, or nil.
func (m *Mistake) Unwrap() error { return m.Err }

// Summary is the mistake in one line: lbdev.yaml:3:1: workerz is no key; did you mean workers?
func (m *Mistake) Summary() string {
	var b strings.Builder
	b.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", m.Line, m.Column)
	}
	b.WriteString(": ")
	if m.Key != "" {
		b.WriteString(m.Key + ": ")
	}
	b.WriteString(m.Wrong)
	if m.Meant != "" {
		b.WriteString("; " + m.Meant)
	}
	return b.String()
}

// Error is the summary, and below it the line with a mark.
func (m *Mistake) Error() string {
	if m.Line == 0 || strings.TrimSpace(m.Source) == "" {
		return m.Summary()
	}
	number := fmt.Sprintf("%4d", m.Line)
	line, column := excerpt(m.Source, m.Column)
	width := min(max(m.Width, 1), max(utf8.RuneCountInString(line)-column+1, 1))
	return fmt.Sprintf("%s\n%s | %s\n%s | %s%s", m.Summary(), number, line, strings.Repeat(" ", len(number)), gap(line, column-1), strings.Repeat("^", width))
}

// quote finds the line.
func (m *Mistake) quote(lines []string) {
	if m.Line >= 1 && m.Line <= len(lines) {
		m.Source = lines[m.Line-1]
	}
}

func (m Mistakes) Error() string {
	texts := make([]string, len(m))
	for i, mistake := range m {
		texts[i] = mistake.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap lets errors.As find the causes.
func (m Mistakes) Unwrap() []error {
	errs := make([]error, len(m))
	for i, mistake := range m {
		errs[i] = mistake
	}
	return errs
}

// mostShown is how many mistakes are told of one file: whoever has more is on the wrong file.
const mostShown = 20

// sorted are the mistakes from the top down, without those beyond the number that is of use.
func (m Mistakes) sorted() Mistakes {
	slices.SortStableFunc(m, func(a, b *Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if len(m) > mostShown {
		left := len(m) - mostShown
		m = append(m[:mostShown:mostShown], &Mistake{File: m[0].File, Wrong: fmt.Sprintf("and %d more", left)})
	}
	return m
}

const (
	lineShown  = 100 // characters of a line that are shown
	beforeMark = 60  // of which before the mark, where the line is longer
)

// excerpt is the part of a line that is shown, and the column in it. What a terminal would act on is shown as a dot.
func excerpt(line string, column int) (string, int) {
	runes := []rune(line)
	column = min(max(column, 1), len(runes)+1)
	if len(runes) > lineShown {
		from := max(0, column-1-beforeMark)
		to := min(len(runes), from+lineShown)
		runes, column = runes[from:to], column-from
	}
	for i, r := range runes {
		if r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError) {
			runes[i] = '·'
		}
	}
	return string(runes), column
}

// gap is as wide as the first n characters of a line.
func gap(line string, n int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i >= n {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat(" ", max(n-utf8.RuneCountInString(line), 0)))
	return b.String()
}
