package main

import (
	"fmt"
	"testing"
)

func TestParseTrusted(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8":               "[10.0.0.0/8]",
		"10.1.2.3/8":               "[10.0.0.0/8]",
		"192.0.2.7":                "[192.0.2.7/32]",
		"::ffff:192.0.2.7":         "[192.0.2.7/32]",
		"2001:db8::1":              "[2001:db8::1/128]",
		"loopback":                 "[127.0.0.0/8 ::1/128]",
		"192.0.2.7, 2001:db8::/32": "[192.0.2.7/32 2001:db8::/32]",
		"localhost":                "",
		"10.0.0.0/33":              "",
		"10.0.0":                   "",
		"192.0.2.7,":               "",
		"":                         "",
	} {
		blocks, err := parseTrusted([]string{text})
		if want == "" && err == nil || want != "" && (err != nil || fmt.Sprint(blocks) != want) {
			t.Errorf("%q: %v, %v, want %s", text, blocks, err, want)
		}
	}
}
