package badge

import (
	"slices"
	"strings"
)

// allow lets the label's style into a list of content security policies, by the hash of it, as far as they forbid it (CSP level 3
// section 6.7.2). All else stays as it was.
func allow(policies string) string {
	list := strings.Split(policies, ",")
	for i := range list {
		list[i] = allowIn(list[i])
	}
	return strings.Join(list, ",")
}

func allowIn(policy string) string {
	directives := strings.Split(policy, ";")
	for _, name := range []string{"style-src-elem", "style-src", "default-src"} {
		i := slices.IndexFunc(directives, func(d string) bool {
			words := strings.Fields(d)
			return len(words) > 0 && strings.EqualFold(words[0], name)
		})
		if i < 0 {
			continue
		}
		sources := strings.Fields(directives[i])[1:]
		if allowsInline(sources) {
			return policy
		}
		sources = slices.DeleteFunc(sources, func(s string) bool { return strings.EqualFold(s, "'none'") })
		sources = append(sources, styleHash)
		if name == "default-src" { // which goes on to speak for all else
			return strings.TrimRight(policy, "; ") + "; style-src " + strings.Join(sources, " ")
		}
		directives[i] = " " + name + " " + strings.Join(sources, " ")
		return strings.TrimSpace(strings.Join(directives, ";"))
	}
	return policy
}

// allowsInline says whether styles that stand in the page are allowed: a hash or a nonce beside 'unsafe-inline' makes it void.
func allowsInline(sources []string) (allowed bool) {
	for _, s := range sources {
		s = strings.ToLower(s)
		switch {
		case s == "'unsafe-inline'":
			allowed = true
		case strings.HasPrefix(s, "'nonce-"), strings.HasPrefix(s, "'sha256-"), strings.HasPrefix(s, "'sha384-"), strings.HasPrefix(s, "'sha512-"):
			return false
		}
	}
	return allowed
}
