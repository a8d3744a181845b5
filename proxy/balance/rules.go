package balance

import (
	"fmt"
	"net/http"
	"strings"
)

// A Rule is a policy as people read of it.
type Rule struct {
	Name string // as New takes it; NAME stands for what they choose
	What string
}

// Rules are all policies, in the order in which they are best explained.
func Rules() []Rule {
	return []Rule{
		{"round-robin", "each worker in its turn, as often as its weight says"},
		{"least-conn", "the one with the fewest requests in flight"},
		{"two-choices", "of two drawn ones the one with fewer in flight"},
		{"random", "any"},
		{"fastest", "the one that is likely to answer first"},
		{"first", "the lowest number that is ready; the others are standbys"},
		{"ip-hash", "the same one for the same client address"},
		{"uri-hash", "the same one for the same path"},
		{"header-hash:NAME", "the same one for the same value of a header"},
		{"cookie-hash:NAME", "the same one for the same value of a cookie"},
	}
}

// New makes the policy of a name.
func New(name string) (Policy, error) {
	switch name {
	case "round-robin":
		return &RoundRobin{}, nil
	case "least-conn":
		return &LeastConn{}, nil
	case "two-choices":
		return &TwoChoices{}, nil
	case "random":
		return &Random{}, nil
	case "fastest":
		return &Fastest{}, nil
	case "first":
		return &First{}, nil
	case "ip-hash":
		return &Hash{of: ofClient}, nil
	case "uri-hash":
		return &Hash{of: ofPath}, nil
	}
	rule, of, named := strings.Cut(name, ":")
	switch {
	case rule != "header-hash" && rule != "cookie-hash":
		return nil, fmt.Errorf("cannot use policy %q: there are %s", name, ruleNames())
	case !named || !isToken(of):
		return nil, fmt.Errorf("cannot use policy %q: it needs a name, as in %s", name, rule+":"+map[string]string{"header-hash": "X-User", "cookie-hash": "session"}[rule])
	case rule == "header-hash":
		return &Hash{of: ofHeader, name: http.CanonicalHeaderKey(of)}, nil
	}
	return &Hash{of: ofCookie, name: of}, nil
}

func ruleNames() string {
	var names []string
	for _, r := range Rules() {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}

// NeedsHTTP says whether a policy looks at what only an HTTP request has.
func NeedsHTTP(p Policy) bool {
	h, ok := p.(*Hash)
	return ok && h.of != ofClient
}

// isToken says whether text can be the name of a header or cookie (RFC 9110 section 5.6.2).
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return text != ""
}
