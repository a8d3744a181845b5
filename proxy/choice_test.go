package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/proxy/balance"
	"pgregory.net/rapid"
)

// A city is a pool whose workers come, go, and get other shares, and clients who keep their cookies.
type city struct {
	pool    *Pool
	workers []*Backend
	cookies []string // of each client: what it was given last
}

// TestWhoGetsARequest: whatever happens to the workers and whatever the policy is, a client stays at its worker while that is ready;
// otherwise it goes to a worker with a weight that is no backup, if there is one that it has not tried, else to a backup; and to nobody
// else ever.
func TestWhoGetsARequest(t *testing.T) {
	sticky, err := balance.NewSticky("cookie:lb", "")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := &city{pool: NewPool(nil), cookies: make([]string, 3)}
		c.pool.SetSticky(sticky)
		for i := range rapid.IntRange(1, 5).Draw(t, "workers") {
			c.workers = append(c.workers, c.pool.Add(i+1, 8000+i))
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			b := rapid.SampledFrom(c.workers).Draw(t, "worker")
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0, 1:
				b.Set(rapid.SampledFrom([]Status{Ready, Ready, Coming, Down}).Draw(t, "status"), uint64(rapid.IntRange(1, 2).Draw(t, "incarnation")))
			case 2:
				b.SetWeight(rapid.IntRange(0, 3).Draw(t, "weight"))
			case 3:
				b.SetBackup(rapid.Bool().Draw(t, "backup"))
			case 4:
				name := rapid.SampledFrom(balance.Rules()).Draw(t, "policy").Name
				policy, err := balance.New(strings.Replace(name, "NAME", "id", 1))
				if err != nil {
					t.Fatal(err)
				}
				c.pool.SetPolicy(policy)
			default:
				c.ask(t, rapid.IntRange(0, len(c.cookies)-1).Draw(t, "client"))
			}
		}
	})
}

// ask lets a client send a request that has failed at some workers already.
func (c *city) ask(t *rapid.T, client int) {
	r, _ := http.NewRequest("GET", "/", nil)
	if c.cookies[client] != "" {
		r.Header.Set("Cookie", "lb="+c.cookies[client])
	}
	p := picker{turn: balance.Turn{Request: r, Client: "127.0.0.1"}}
	for _, b := range c.workers {
		if rapid.IntRange(0, 4).Draw(t, "tried") == 0 {
			p.tried = append(p.tried, tried{up: b.up})
		}
	}
	up := p.pick(c.pool.view.Load())
	if !c.mayGet(&p, up, c.cookies[client]) {
		t.Fatalf("%s gave client %d with %q to %v; tried: %v, workers: %+v", c.pool.Policy(), client, c.cookies[client], up, p.tried, c.pool.view.Load().all)
	}
	if up != nil {
		c.cookies[client] = up.backend.token
	}
}

// mayGet is the rule, written as plainly as can be.
func (c *city) mayGet(p *picker, up *upstream, cookie string) bool {
	var own *upstream
	var primaries, backups []*upstream // that were not tried
	for _, b := range c.workers {
		if b.status != Ready {
			continue
		}
		switch {
		case p.hasTried(b.up):
		case b.token == cookie:
			own = b.up
		case b.weight == 0:
		case b.backup:
			backups = append(backups, b.up)
		default:
			primaries = append(primaries, b.up)
		}
	}
	among := func(list []*upstream) bool {
		return slices.Contains(list, up)
	}
	switch {
	case own != nil:
		return up == own
	case len(primaries) > 0:
		return among(primaries)
	case len(backups) > 0:
		return among(backups)
	}
	return up == nil
}

// TestWeightsOverHTTP counts what clients see.
func TestWeightsOverHTTP(t *testing.T) {
	g := newRig(t)
	counts := map[string]int{}
	g.serve(1, says("1")).SetWeight(3)
	g.serve(2, says("2"))
	g.serve(3, says("3")).SetBackup(true)
	for range 40 {
		counts[g.get("/").body]++
	}
	if counts["1"] != 30 || counts["2"] != 10 || counts["3"] != 0 {
		t.Errorf("%v", counts)
	}
}

// TestKeepingAClientAllocatesNothing: neither for one that goes to its worker nor for one whose worker is not there.
func TestKeepingAClientAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates too: only that the right worker is found is checked")
	}
	for _, kind := range []string{"cookie:lb", "route:SID"} {
		pool, workers := poolOf(4)
		sticky, err := balance.NewSticky(kind, "")
		if err != nil {
			t.Fatal(err)
		}
		pool.SetSticky(sticky)
		r, _ := http.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "theme=dark; SID=1A2B.w3; lb="+workers[2].token)
		for _, status := range []Status{Ready, Down} {
			workers[2].Set(status, 1)
			c := picker{turn: balance.Turn{Request: r}}
			var up *upstream
			n := testing.AllocsPerRun(100, func() { up = c.pick(pool.view.Load()) })
			if n > 0 && !raceEnabled || (up == workers[2].up) != (status == Ready) || c.stuck != 3 {
				t.Errorf("%s, worker 3 %s: %v allocations, %v, belongs to %d", kind, status, n, up.worker, c.stuck)
			}
		}
	}
}
