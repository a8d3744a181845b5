package proxy

import (
	"net/url"
	"slices"
	"strings"
)

// Redact returns a request's path, or a URL, as people may see it: where the name of a parameter says that its value is a secret, three
// stars stand for the value, and for who a URL logs in. Lists, screens and logs show paths, and are shown to a class or sent to a
// colleague. Parameters are those of the query, of the path (";jsessionid=…", RFC 3986 section 3.3) and of the fragment. Without a secret
// it allocates nothing.
func Redact(path string) string {
	path = redactUser(path)
	var shown strings.Builder
	done, query := 0, false // what is in shown, or needs no change
	for at := 0; ; {
		n := strings.IndexByte(path[at:], '=')
		if n < 0 {
			break
		}
		before, value := path[at:at+n], at+n+1
		at = value
		query = query || strings.ContainsAny(before, "?#")
		separator := strings.LastIndexAny(before, "?&;#")
		if separator < 0 || !IsSecret(before[separator+1:]) {
			continue
		}
		ends := "&#" // also where ; separates parameters: one too many that is hidden does no harm
		if !query {
			ends = "?/;#"
		}
		if n = strings.IndexAny(path[value:], ends); n < 0 {
			n = len(path) - value
		}
		if n > 0 {
			shown.WriteString(path[done:value] + "***")
			done = value + n
		}
		at = value + n
	}
	if done == 0 {
		return path
	}
	return shown.String() + path[done:]
}

// redactUser hides the name and password in "https://name:password@host/".
func redactUser(url string) string {
	before, rest, ok := strings.Cut(url, "://")
	if !ok || strings.ContainsAny(before, "/?#") {
		return url
	}
	authority := rest
	if n := strings.IndexAny(rest, "/?#"); n >= 0 {
		authority = rest[:n]
	}
	n := strings.LastIndexByte(authority, '@')
	if n <= 0 {
		return url
	}
	return before + "://***" + rest[n:]
}

// IsSecret says whether the value of a parameter or field of this name is a secret.
func IsSecret(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "access-control-") {
		return false
	}
	if slices.Contains(secretNames, name) || slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(name, part) }) {
		return true
	}
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		if slices.Contains(secretWords, word) {
			return true
		}
	}
	return false
}

var (
	secretNames = []string{"authorization", "code", "cookie", "set-cookie", "proxy-authorization", "sec-websocket-protocol"}
	secretWords = []string{"key", "sig", "auth", "otp", "pin", "sid"} // between hyphens
	secretParts = []string{
		"token", "secret", "passw", "pwd", "apikey", "api_key", "api-key", "access_key", "accesskey", "signature", "credential",
		"session", "jwt",
	}
)
