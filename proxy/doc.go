// Package proxy is the data path: it takes a request, chooses a worker, asks it, and asks another one when that dies.
//
//	pool := proxy.NewPool(nil) // round robin
//	backend := pool.Add(1, 8000)
//	backend.Set(proxy.Ready, 1)
//	http.Serve(listener, &proxy.Proxy{Pool: pool})
//
// # A request
//
// ServeHTTP takes an exchange (everything that belongs to one request, from a sync.Pool) and lets it forward: pick a worker
// from the live view of the pool, get a connection, send, read the answer's head, deliver. What goes wrong before the first
// byte went to the client leads to another turn of that loop, to waiting in the queue of held requests, or to an error
// page. Which of them is decided in one place (mayRepeat) by what was sent and what came back, never by what a supervisor
// knows: sockets die before the supervisor is told.
//
// # Promises
//
//   - A request that may have been executed is sent again only if its method is idempotent (RFC 9110 section 9.2.2) or it
//     bears Idempotency-Key, and then once.
//   - A response that had begun when its worker died is aborted. It is never padded and never ends cleanly.
//   - OnAccess is called exactly once for every request, also when the client went away.
//   - When ServeHTTP returns, every goroutine that it started has ended.
//   - A worker that has requests and sends nothing is told of (Pool.OnSilence). Whether it is frozen is for its owner to find
//     out, who then takes requests back (Backend.Abandon) or lets others have them too (Backend.Hedge).
//   - The state of a worker is written by its owner alone (Backend.Set). A worker that refuses a connection is not marked.
//
// It does not start or probe workers, terminate TLS or keep logs.
package proxy
