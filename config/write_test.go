package config

import (
	"testing"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"
)

// TestQuote holds which texts stand without quotes.
func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"python": "python", "manage.py": "manage.py", "127.0.0.1:8080": "127.0.0.1:8080", "10s": "10s", "least-conn": "least-conn", "./a/b": "./a/b",
		"header-hash:X-User": "header-hash:X-User", "--noreload": "--noreload", "-": `"-"`, "---": `"---"`, "8080": `"8080"`, "true": `"true"`, "Off": `"Off"`, "": `""`, "{port}": `"{port}"`, "a b": `"a b"`,
		"a: b": `"a: b"`, "a:": `"a:"`, "x#y": `"x#y"`, "say \"hi\"": `"say \"hi\""`, "<&>": `"<&>"`, "ä": `"ä"`, "1.5": `"1.5"`, "*.py": `"*.py"`, "[::1]:80": `"[::1]:80"`,
	} {
		if got := Quote(text); got != want {
			t.Errorf("%q is written %s, want %s", text, got, want)
		}
	}
}

// TestQuoteReads holds that what is written is read as it was, in a value and in a list.
func TestQuoteReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ -~äß中]{0,12}|(true|off|~|null|1e3|0x1|-|--x|: |# |{a}|10s)`).Draw(t, "word")
		var got struct {
			A string
			B []string
		}
		text := "a: " + Quote(word) + "\nb: " + Format([]string{word, word}) + "\n"
		if err := yaml.Unmarshal([]byte(text), &got); err != nil || got.A != word || len(got.B) != 2 || got.B[1] != word {
			t.Fatalf("%q is written as\n%s and read as %q: %v", word, text, got, err)
		}
	})
}
