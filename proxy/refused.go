package proxy

import (
	"net"
	"net/http"
	"time"

	"github.com/lbdev/lbdev/proxy/strict"
)

// Refused counts a request that was refused before it came to ServeHTTP, and tells OnAccess of it. The client got an answer
// that fits what it sent, so nothing has failed.
func (p *Proxy) Refused(r *strict.Refusal) {
	p.counts.total.Add(1)
	record := Access{
		Start: r.Start, Method: r.Method, Path: r.Target, Proto: r.Proto, Client: clientAddress(r.Client),
		Status: r.Status, Outcome: OK, Reason: r.Reason,
	}
	p.tell(&record)
}

// TurnedAway counts a client that got 503 since there are too many, before it came to ServeHTTP.
func (p *Proxy) TurnedAway(client net.Addr, reason string) {
	p.counts.total.Add(1)
	p.tell(&Access{
		Start: time.Now(), Client: clientAddress(client.String()), Status: http.StatusServiceUnavailable, Outcome: Failed, Reason: reason,
	})
}

// tell ends what begin has not begun.
func (p *Proxy) tell(record *Access) {
	if p.OnAccess != nil {
		p.OnAccess(record)
	}
	p.counts.done(record)
	p.streams.told()
}
