package proxy

import (
	"net/url"
	"slices"
	"strings"
)

// Redact returns a request's path as people may see it: where the name of a parameter says that its value is a secret, three
// stars stand for the value. Lists, screens and logs show paths, and are shown to a class or sent to a colleague. Parameters are
// those of the query and of the path (";jsessionid=…", RFC 3986 section 3.3). Without a secret it allocates nothing.
func Redact(path string) string {
	var shown strings.Builder
	done, query := 0, false // what is in shown, or needs no change
	for at := 0; ; {
		n := strings.IndexByte(path[at:], '=')
		if n < 0 {
			break
		}
		before, value := path[at:at+n], at+n+1
		at = value
		query = query || strings.Contains(before, "?")
		separator := strings.LastIndexAny(before, "?&;")
		if separator < 0 || !IsSecret(before[separator+1:]) {
			continue
		}
		ends := "&" // also where ; separates parameters: one too many that is hidden does no harm
		if !query {
			ends = "?/;"
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

// IsSecret says whether the value of a parameter or field of this name is a secret.
func IsSecret(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	name = strings.ToLower(name)
	return slices.Contains(secretNames, name) || slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(name, part) })
}

var (
	secretNames = []string{"key", "sig", "auth", "authorization", "code", "otp", "pin", "sid", "cookie", "set-cookie", "proxy-authorization"}
	secretParts = []string{
		"token", "secret", "passw", "pwd", "apikey", "api_key", "api-key", "access_key", "accesskey", "signature", "credential",
		"session", "jwt",
	}
)
