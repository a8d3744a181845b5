package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	// plainText is a text that needs no quotes, in whatever version of YAML and within brackets.
	plainText = regexp.MustCompile(`^(-{0,2}[A-Za-z./_][A-Za-z0-9./_+=@-]*(:[A-Za-z0-9./_+=@-]+)*|[0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h|kB|KB|KiB|MB|MiB|GB|GiB)|([0-9]+\.){3}[0-9]+(:[0-9]+)?)$`)
	// typed is a text that without quotes is none.
	typed = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"}
)

// Quote writes a text as a value in YAML, in quotes where it needs them.
func Quote(text string) string {
	if plainText.MatchString(text) && !slices.Contains(typed, strings.ToLower(text)) {
		return text
	}
	quoted, err := json.Marshal(text) // a text of JSON is one of YAML too
	if err != nil {
		panic(err)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", "\x7f", `\x7f`).Replace(string(quoted))
}

// Format writes a value of a key as it can stand behind it in the file: a string, int, bool or list of strings.
func Format(value any) string {
	switch v := value.(type) {
	case string:
		return Quote(v)
	case []string:
		words := make([]string, len(v))
		for i, word := range v {
			words[i] = Quote(word)
		}
		return "[" + strings.Join(words, ", ") + "]"
	}
	return fmt.Sprint(value)
}
