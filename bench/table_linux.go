package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// table is printed when a part has been measured: names to the left, figures to the right.
type table struct {
	title string
	rows  [][]string
	notes []string
}

func newTable(title string, head ...string) *table {
	return &table{title: title, rows: [][]string{head}}
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) note(text string) { t.notes = append(t.notes, text) }

func (t *table) print() {
	fmt.Fprint(os.Stdout, t)
}

func (t *table) String() string {
	width := map[int]int{}
	for _, row := range t.rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", t.title)
	for _, row := range t.rows {
		var line strings.Builder
		line.WriteString(" ")
		for i, cell := range row {
			gap := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(" " + cell + gap)
			} else {
				line.WriteString("   " + gap + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	for _, n := range t.notes {
		fmt.Fprintf(&b, "  %s\n", n)
	}
	return b.String()
}

// median of what value finds in all; for an even number the upper of the two in the middle.
func median[T any, V cmp.Ordered](all []T, value func(T) V) V {
	values := make([]V, len(all))
	for i, v := range all {
		values[i] = value(v)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func ratio(a, b time.Duration) string {
	if b <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
