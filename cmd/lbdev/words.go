package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lbdev/lbdev/procs"
)

// short shows a duration as people say it: <1 ms, 12 ms, 0.8 s, 41 s, 2 m, 3 h.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1 ms"
	case d < 500*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f m", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}

// thousands shows a number in groups of three digits: 1,204.
func thousands(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// count says how many there are of a thing: 1 worker, 4 workers.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return thousands(uint64(n)) + " " + thing + "s"
}

func joinInts(numbers []int) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, " ")
}

// wrap folds a line at spaces, so that no row is wider than width, as far as words are not. Rows after the first begin with
// indent spaces, or with as many as the line itself does. Colours take no room.
func wrap(line string, width, indent int) string {
	if utf8.RuneCount(procs.AppendPlain(nil, line)) <= width {
		return line
	}
	indent = max(indent, len(line)-len(strings.TrimLeft(line, " ")))
	if indent > width/2 {
		indent = min(len(demoIndent), width/4)
	}
	var b strings.Builder
	column, gap := 0, "" // gap is the space before the next word
	for word := range strings.SplitSeq(line, " ") {
		n := utf8.RuneCount(procs.AppendPlain(nil, word))
		switch {
		case n > 0 && column > indent && column+len(gap)+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteString(gap)
			column += len(gap)
		}
		b.WriteString(word)
		column += n
		gap = " "
	}
	return b.String()
}
