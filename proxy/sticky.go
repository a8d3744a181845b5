package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"github.com/lbdev/lbdev/proxy/balance"
)

// wordBytes is how many bytes name a worker in a cookie. They need not be proof against forgery, as every client may have every
// worker; they only tell nobody which ports there are.
const wordBytes = 12

// tokenOf is what our own cookie calls a worker: a name that means nothing to anybody else, and nothing after this run of lbdev, as the
// sessions in the memory of workers don't outlive it either.
func (p *Pool) tokenOf(worker int) string {
	h := hmac.New(sha256.New, p.secret[:])
	h.Write([]byte(strconv.Itoa(worker)))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:wordBytes])
}

// SetSticky changes how clients are kept at a worker; nil = they are not.
func (p *Pool) SetSticky(s *balance.Sticky) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sticky = s
	p.publish()
}

// Sticky is how clients are kept at a worker; nil = they are not.
func (p *Pool) Sticky() *balance.Sticky { return p.view.Load().sticky }

// pickBound finds the worker to which the client belongs, if it can have the request. Which one that is, is noted in any case.
func (c *picker) pickBound(v *view) *upstream {
	c.sticky, c.stuck = v.sticky, 0
	if v.sticky == nil || c.turn.Request == nil {
		return nil
	}
	key := v.sticky.Key(c.turn.Request)
	if key == "" {
		return nil
	}
	for i := range v.seats {
		s := &v.seats[i]
		if v.sticky.ByCookie() && key != s.token || !v.sticky.ByCookie() && key != s.up.label[0] && key != s.up.number {
			continue
		}
		c.stuck = s.up.worker
		if s.able && !c.hasTried(s.up) && c.hasRoom(s.up) {
			c.turn.Why = balance.Why{}
			c.turn.Why.Stuck(v.sticky, c.stuck)
			return s.up
		}
		return nil
	}
	return nil
}

// bind gives the client the cookie of the worker that answered, unless it has it.
func (x *exchange) bind(to map[string][]string, up *upstream) {
	if x.sticky == nil || !x.sticky.ByCookie() || x.stuck == up.worker {
		return
	}
	to["Set-Cookie"] = append(to["Set-Cookie"], x.sticky.SetCookie(up.backend.token, x.origin.scheme == "https"))
}
