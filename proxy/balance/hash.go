package balance

import (
	"math"
	"math/bits"
	"net/http"
	"strings"
)

// A hashOf says what a Hash is of.
type hashOf int

const (
	ofClient hashOf = iota
	ofPath
	ofHeader
	ofCookie
)

// A Hash gives all requests with the same key to the same worker: the same client, path, header or cookie. When that worker is not
// there they go to the one that would be next for this key, so each of the others gets a share of them, and they come back with it;
// the keys of other workers don't move (rendezvous hashing). A request without a key takes its turn.
type Hash struct {
	of      hashOf
	name    string // of the header or cookie
	keyless RoundRobin
}

// Name is "ip-hash", "uri-hash", "header-hash:NAME" or "cookie-hash:NAME".
func (h *Hash) Name() string {
	switch h.of {
	case ofPath:
		return "uri-hash"
	case ofHeader:
		return "header-hash:" + h.name
	case ofCookie:
		return "cookie-hash:" + h.name
	case ofClient:
	}
	return "ip-hash"
}

// Pick implements Policy.
func (h *Hash) Pick(turn *Turn) int {
	key := h.key(turn)
	if key == "" {
		i := h.keyless.Pick(turn)
		turn.Why.rule = h
		return i
	}
	hash := hashString(key)
	i := turn.rendezvous(hash)
	if i >= 0 {
		turn.Why = Why{rule: h, hash: hash, weighted: turn.View.rotation != nil}
		if h.of == ofPath || h.of == ofClient {
			turn.Why.key = key // others may be secrets, and are not kept
		}
	}
	return i
}

// key is what the request is recognised by; empty = nothing.
func (h *Hash) key(turn *Turn) string {
	r := turn.Request
	switch {
	case h.of == ofClient:
		return turn.Client
	case r == nil:
		return ""
	case h.of == ofPath:
		return r.URL.Path // without the query, as HAProxy's "balance uri": pages of a thing belong to the thing
	case h.of == ofCookie:
		return cookie(r, h.name)
	case h.name == "Host":
		return r.Host
	}
	if values := r.Header[h.name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// cookie is the value of a request's first cookie of that name; empty = it has none. Unlike http.Request.Cookie it allocates nothing.
func cookie(r *http.Request, name string) string {
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			if n, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && n == name {
				return value
			}
		}
	}
	return ""
}

// rendezvous is the worker that scores highest for a hash, of those that the request may have; -1 if there is none. With
// w / -ln(score), the scores of a worker win in proportion to its weight, and for equal weights it's the same as comparing them.
func (t *Turn) rendezvous(hash uint64) int {
	v := t.View
	best, high, highest := -1, uint64(0), 0.0
	for i := range v.workers {
		if !t.May(i) {
			continue
		}
		s := score(hash, v.workers[i].Number)
		if v.rotation == nil {
			if best < 0 || s > high {
				best, high = i, s
			}
			continue
		}
		w, u := float64(v.Weight(i)), (float64(s>>11)+0.5)/(1<<53)
		if best >= 0 && w <= highest*(1-u) {
			continue // -ln(u) is more than 1-u: it can't win, and needs no logarithm
		}
		if f := w / -math.Log(u); best < 0 || f > highest {
			best, highest = i, f
		}
	}
	return best
}

// score mixes a hash with a worker's number (the finaliser of splitmix64).
func score(hash uint64, number int) uint64 {
	x := hash ^ bits.RotateLeft64(uint64(number)*0x9e3779b97f4a7c15, 32)
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// hashString is FNV-1a: the same in every run, so that a client finds its worker again after a restart of lbdev.
func hashString(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func (h *Hash) explain(w *Why, c *choice) string {
	if w.hash == 0 {
		return "no " + h.what("") + "; " + h.keyless.explain(w, c)
	}
	text := "hash of " + h.what(w.key)
	if w.weighted {
		return text + " by weight" // who would have been next is not known without the weights of that time
	}
	var skipped []Known
	mine := score(w.hash, c.number)
	for _, k := range c.known {
		if score(w.hash, k.Number) > mine {
			skipped = append(skipped, k)
		}
	}
	return text + list(skipped)
}

func (h *Hash) what(key string) string {
	switch {
	case h.of == ofHeader:
		return "header " + h.name
	case h.of == ofCookie:
		return "cookie " + h.name
	case key != "":
		return key
	case h.of == ofPath:
		return "path"
	}
	return "client address"
}
