package proxy

// A limit of requests that a worker has at a time. What is beyond it waits in the queue of held requests, in the order in which it
// came: nobody overtakes those who wait. A place is taken before the worker is connected to, so that one which serves a single
// connection never sees a second one.

// limit is how many requests a worker may have; 0 = any number.
func (p *Proxy) limit() int64 { return int64(max(p.WorkerConcurrency, 0)) }

// hasRoom says whether a worker may have one more request.
func (c *picker) hasRoom(up *upstream) bool {
	if c.limit == 0 || up.backend.placed.Load() < c.limit {
		return true
	}
	c.full = true
	return false
}

// occupy takes a place at a worker; false means that somebody else had the last one.
func (x *exchange) occupy(up *upstream) bool {
	if x.limit == 0 {
		return true
	}
	// Never more than the limit, not even for a moment: whoever looked then would see no room and wait, and nobody would call it.
	for placed := &up.backend.placed; ; {
		n := placed.Load()
		if n >= x.limit {
			return false
		}
		if placed.CompareAndSwap(n, n+1) {
			x.places = append(x.places, up.backend)
			return true
		}
	}
}

// vacateLast gives back the place that was taken last, at a worker that did not get the request.
func (x *exchange) vacateLast() {
	n := len(x.places) - 1
	if n < 0 {
		return
	}
	x.places[n].placed.Add(-1)
	x.places[n] = nil
	x.places = x.places[:n]
	if q := &x.proxy.Pool.queue; q.waiting.Load() > 0 {
		q.nudge()
	}
}

// vacate gives back the places that the request has, and lets the first who waits know.
func (x *exchange) vacate(answered bool) {
	for _, b := range x.places {
		b.placed.Add(-1)
	}
	had := len(x.places) > 0
	clear(x.places)
	x.places = x.places[:0]
	switch q := &x.proxy.Pool.queue; {
	case q.waiting.Load() == 0:
	case answered:
		q.answered()
	case had:
		q.nudge()
	}
}

// mustWait says that others came before, who wait for room.
func (x *exchange) mustWait() bool {
	if x.limit == 0 {
		return false
	}
	q := &x.proxy.Pool.queue
	if !x.place.queued {
		x.full = q.waiting.Load() > 0
		return x.full
	}
	first, turn := q.look(&x.place)
	x.full = !first && !turn
	return x.full
}
