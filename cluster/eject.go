package cluster

import (
	"fmt"

	"github.com/lbdev/lbdev/proxy"
)

// prepareFailover tells the proxy what is asked of it when things go wrong, and whom to tell.
func (c *Cluster) prepareFailover() {
	c.proxy.RetryUnsafe, c.proxy.WorkerConcurrency = c.config.RetryUnsafe, c.config.WorkerConcurrency
	c.pool.EjectAfter, c.pool.OnEject = c.config.EjectAfter, c.onEject
	c.pool.OnSilence = c.onSilence
}

// onEject tells that a worker is out of rotation because of its answers, or back. Its state is ready all the while: it runs and
// answers, and may be asked when nobody else can be.
func (c *Cluster) onEject(e proxy.Ejection) {
	text := "is back in rotation"
	if e.For > 0 {
		text = fmt.Sprintf("out of rotation for %v: %d errors in a row (5xx or lost)", e.For, e.Errors)
	}
	c.publish(Event{Kind: KindNotice, Worker: e.Backend.Worker(), Port: e.Backend.Port(), Text: text})
}
