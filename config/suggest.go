package config

import (
	"strings"
	"unicode/utf8"

	"github.com/hbollon/go-edlib"
)

// otherWords are what other programs call a key.
var otherWords = map[string]string{
	"cmd": "command", "run": "command", "exec": "command", "args": "command",
	"environment": "env", "environ": "env", "dotenv": "env-file",
	"replicas": "workers", "copies": "workers", "instances": "workers", "processes": "workers", "count": "workers", "concurrency": "worker-concurrency",
	"port": "base-port", "ports": "base-port", "front": "listen", "bind": "listen", "address": "listen", "host": "listen",
	"algorithm": "policy", "strategy": "policy", "balance": "policy", "sessions": "sticky", "stickiness": "sticky", "weights": "weight", "backups": "backup",
	"readiness": "ready-path", "health": "health-path", "healthcheck": "health-path", "health-check": "health-path",
	"cert": "tls-cert", "certificate": "tls-cert", "https": "tls", "ssl": "tls", "grace": "stop-timeout", "kill-timeout": "stop-timeout",
	"logs": "log-dir", "log": "log-dir", "prometheus": "metrics", "autoreload": "watch", "client-max-body-size": "max-body",
}

// plain is a key without what people write differently.
func plain(key string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(key))
}

// keyFor says what was meant by a key that there is not.
func keyFor(word string) string {
	for _, k := range keys {
		if plain(k.Name) == plain(word) {
			return "it is written " + k.Name
		}
	}
	if key := otherWords[strings.ReplaceAll(strings.ToLower(word), "_", "-")]; key != "" {
		return "did you mean " + key + "?"
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	if near := nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "lbdev schema  lists the keys"
}

// nearest is the word that a misspelt one is likely to be; empty if none is near enough.
func nearest(word string, words []string) string {
	best, least := "", len(word)/3+1
	for _, w := range words {
		if strings.EqualFold(plain(w), plain(word)) {
			return w
		}
		if d := distance(strings.ToLower(word), strings.ToLower(w)); d < least || d == least && best == "" && d <= 2 && len(word) > 3 {
			best, least = w, d
		}
	}
	return best
}

// distance is how many letters must be changed, added, left out or swapped with their neighbour to make one word of the other. It is not
// counted for what is no word: it takes time by the product of the lengths.
func distance(a, b string) int {
	if max(utf8.RuneCountInString(a), utf8.RuneCountInString(b)) > longestWord {
		return longestWord
	}
	return edlib.OSADamerauLevenshteinDistance(a, b)
}

// longestWord is how many letters a word may have.
const longestWord = 64
