package proxy

import (
	"github.com/lbdev/lbdev/proxy/balance"
)

// A picker chooses a worker for one request, and the next one when that failed.
type picker struct {
	turn  balance.Turn
	tried []tried
	again bool         // none is left that was not tried: those may be chosen that are worth a second look
	from  []*upstream  // what turn.View stands for
	all   []WorkerView // as they were when the last one was chosen

	limit int64 // of requests at a worker; 0 = none
	full  bool  // a worker was passed over because it has as many

	sticky *balance.Sticky // how the client is kept at a worker; nil = not at all
	stuck  int             // the worker to which it belongs; 0 = none
}

// pick chooses a ready worker that was not tried, else one that is worth another look; nil if there is none.
func (c *picker) pick(v *view) *upstream {
	if up := c.pickUntried(v); up != nil || len(c.tried) == 0 {
		return up
	}
	return c.pickOf(v, true)
}

// pickUntried chooses a ready worker that was not tried; nil if there is none.
func (c *picker) pickUntried(v *view) *upstream { return c.pickOf(v, false) }

// pickOf chooses from those that come first, and from the backups when all of them were tried.
func (c *picker) pickOf(v *view, again bool) *upstream {
	c.all, c.again = v.all, again
	if up := c.pickBound(v); up != nil {
		return up
	}
	for tier := v; tier != nil && len(tier.ready) > 0; tier = tier.spare {
		if up := c.pickFrom(tier); up != nil {
			return up
		}
		if !c.triedAll(tier) && !c.full {
			break
		}
	}
	return nil
}

func (c *picker) pickFrom(tier *view) *upstream {
	t := &c.turn
	t.View, c.from, t.Gate = tier.choice, tier.ready, nil
	if len(c.tried) > 0 || c.limit > 0 {
		t.Gate = c
	}
	i := tier.policy.Pick(t)
	if i < 0 {
		return nil
	}
	if c.stuck != 0 {
		t.Why.Stuck(c.sticky, c.stuck)
	}
	return tier.ready[i]
}

// May implements balance.Gate.
func (c *picker) May(i int) bool {
	up := c.from[i]
	for k := range c.tried {
		if c.tried[k].up == up {
			return c.again && c.tried[k].ripe && c.hasRoom(up)
		}
	}
	return c.hasRoom(up)
}

// triedAll says whether the request has failed at every worker of a tier.
func (c *picker) triedAll(tier *view) bool {
	for _, up := range tier.ready {
		if !c.hasTried(up) {
			return false
		}
	}
	return true
}

func (c *picker) hasTried(up *upstream) bool {
	for k := range c.tried {
		if c.tried[k].up == up {
			return true
		}
	}
	return false
}
