// Package strict lets only HTTP/1 requests through that every parser reads in the same way.
//
// A front and the server behind it that disagree about where a request ends can be made to take a part of one client's
// request for another one (RFC 9112 section 11.2, request smuggling). net/http is lenient: it takes lines that end with
// LF alone, folded fields, and Content-Length beside Transfer-Encoding. So a Conn of this package stands between the
// network and an http.Server. It looks at the bytes of each request as the server reads them, in the server's own buffer,
// keeps track of heads and bodies, and passes on nothing of what comes after the first fault. The client gets the status
// that fits and its connection is closed:
//
//	rules := &strict.Rules{MaxBody: 10 << 20, OnRefuse: func(r *strict.Refusal) { log.Print(r) }}
//	server.Serve(rules.Listener(listener))
//
// Answers to requests before the faulty one go out first. A fault in a body fails the handler's read with the *Refusal; the
// handler answers.
//
// It does not interpret what it lets through, and leaves alone what is no HTTP/1: HTTP/2 after its preface, and
// connections that a handler has taken over (see Conn.Hijacked).
package strict

import (
	"net"
	"time"
)

// Rules say what is let through. The zero value refuses what is ambiguous and has the limits given below. They must not be
// changed once they are used.
type Rules struct {
	// MaxTarget is how many bytes a request's target may have; 0 = 16 KiB. Longer ones get 414.
	MaxTarget int

	// MaxHead is how many bytes a request's head may have; 0 = 64 KiB. Longer ones get 431. The server's MaxHeaderBytes must
	// not be less.
	MaxHead int

	// MaxFields is how many fields a head may have; 0 = 200. More get 431.
	MaxFields int

	// MaxBody is how many bytes a request's body may have; 0 = any number. Larger ones get 413.
	MaxBody int64

	// BodyTimeout is how long a client may send nothing while its body is waited for, then it gets 408; 0 = 60 s,
	// negative = for ever.
	BodyTimeout time.Duration

	// HTTP2 lets connections through that begin with HTTP/2's preface, for a server that understands it. Otherwise they
	// get 505.
	HTTP2 bool

	// Lot is where connections wait that have no request; nil = in the server.
	Lot *Lot

	// OnRefuse is told of each request whose head was refused, before the client is; nil = nobody. It is called by the
	// goroutine that serves the connection.
	OnRefuse func(*Refusal)
}

func (r *Rules) maxTarget() int {
	if r.MaxTarget == 0 {
		return 16 << 10
	}
	return r.MaxTarget
}

func (r *Rules) maxHead() int {
	if r.MaxHead == 0 {
		return 64 << 10
	}
	return r.MaxHead
}

func (r *Rules) maxFields() int {
	if r.MaxFields == 0 {
		return 200
	}
	return r.MaxFields
}

func (r *Rules) bodyTimeout() time.Duration {
	if r.BodyTimeout == 0 {
		return time.Minute
	}
	return r.BodyTimeout
}

// Listener returns a listener whose connections are Conns of those that l accepts.
func (r *Rules) Listener(l net.Listener) net.Listener { return &listener{l, r} }

type listener struct {
	net.Listener
	rules *Rules
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.rules.Conn(c), nil
}
