package badge

import (
	"io"
	"strings"
	"testing"
)

// BenchmarkPage is a page of 100 kB with a long script in its head, in pieces of 4 kB.
func BenchmarkPage(b *testing.B) {
	page := "<!doctype html><head><script>" + strings.Repeat("if (a < b) c()\n", 3000) + "</script></head><body>" + strings.Repeat("<p>hello</p>\n", 4000)
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		rest := page
		p := NewPage(func() ([]byte, error) {
			n := min(4096, len(rest))
			piece := []byte(rest[:n])
			if rest = rest[n:]; n == 0 {
				return nil, io.EOF
			}
			return piece, nil
		}, false, 1, 8000)
		for {
			if _, err := p.Next(); err != nil {
				break
			}
		}
	}
}
