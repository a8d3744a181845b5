package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lbdev/lbdev/proxy/balance"
)

// sharesOf counts n picks per worker.
func sharesOf(p *Pool, n int) map[int]int {
	counts := map[int]int{}
	for range n {
		up := choose(p)
		if up == nil {
			counts[0]++
			continue
		}
		counts[up.worker]++
	}
	return counts
}

func wantShares(t *testing.T, p *Pool, when string, want ...int) {
	t.Helper()
	sum := 0
	for _, n := range want {
		sum += n
	}
	got := sharesOf(p, sum)
	for i, n := range want {
		if got[i+1] != n {
			t.Errorf("%s: %v, want %v", when, got, want)
			return
		}
	}
}

// poolOf has workers 1 to n, all ready.
func poolOf(n int) (*Pool, []*Backend) {
	p := NewPool(nil)
	var all []*Backend
	for i := range n {
		all = append(all, p.Add(i+1, 8000+i))
		all[i].Set(Coming, 0)
	}
	for _, b := range all {
		b.Set(Ready, 1)
	}
	return p, all
}

// TestWeightsAndBackups: who gets how much, and who nothing.
func TestWeightsAndBackups(t *testing.T) {
	p, b := poolOf(4)
	wantShares(t, p, "at first", 3, 3, 3, 3)
	b[0].SetWeight(3)
	b[2].SetWeight(0)
	wantShares(t, p, "3, 1, 0, 1", 6, 2, 0, 2)
	b[3].SetBackup(true)
	wantShares(t, p, "with a backup", 6, 2, 0, 0)
	b[0].Set(Coming, 1)
	b[1].Set(Down, 1)
	wantShares(t, p, "only the backup", 0, 0, 0, 5)
	b[1].Set(Ready, 1)
	wantShares(t, p, "one is back", 0, 5, 0, 0)
	b[3].SetBackup(false)
	b[1].Set(Down, 1)
	b[3].Set(Down, 1)
	if up := choose(p); up != nil {
		t.Errorf("weight 0 got a request: %d", up.worker)
	}
	b[2].SetWeight(1)
	wantShares(t, p, "weight 1 again", 0, 0, 5, 0)
	if choose(p, tried{up: b[2].up}) != nil {
		t.Error("it was tried")
	}
}

// TestBackupsAreTriedLast: a request that has failed at all others goes to a backup, though they count as ready.
func TestBackupsAreTriedLast(t *testing.T) {
	p, b := poolOf(3)
	b[0].SetBackup(true)
	if up := choose(p, tried{up: b[1].up}); up != b[2].up {
		t.Errorf("%v", up)
	}
	if up := choose(p, tried{up: b[1].up}, tried{up: b[2].up}); up != b[0].up {
		t.Errorf("%v", up)
	}
	if up := choose(p, tried{up: b[1].up, ripe: true}, tried{up: b[2].up}, tried{up: b[0].up}); up != b[1].up {
		t.Errorf("one worth another look: %v", up)
	}
	p.SetPolicy(&balance.First{})
	if up := choose(p); up != b[1].up {
		t.Errorf("%v", up)
	}
}

// TestSlowStart plays it in fake time, for round robin and for the hash: the share grows from nearly nothing to the whole.
func TestSlowStart(t *testing.T) {
	for _, name := range []string{"round-robin", "least-conn", "cookie-hash:id"} {
		synctest.Test(t, func(t *testing.T) {
			p, b := poolOf(3)
			policy, err := balance.New(name)
			if err != nil {
				t.Fatal(err)
			}
			p.SetPolicy(policy)
			p.SetSlowStart(16 * time.Second)
			part := func() float64 { // of worker 3, compared with worker 1
				counts := map[int]int{}
				for i := range 3300 {
					r, _ := http.NewRequest("GET", "/", nil)
					r.Header.Set("Cookie", fmt.Sprintf("id=%d", i))
					c := picker{turn: balance.Turn{Request: r}}
					counts[c.pick(p.view.Load()).worker]++
				}
				return float64(counts[3]) / float64(counts[1])
			}
			near := func(when string, want float64) {
				t.Helper()
				if got := part(); got < want*0.85-0.01 || got > want*1.15+0.01 {
					t.Errorf("%s, %s: %.3f of a share, want %.3f", name, when, got, want)
				}
			}
			near("the first start", 1)
			b[2].Set(Down, 1)
			b[2].Set(Ready, 1)
			near("out of rotation and back", 1)
			b[2].Set(Coming, 2)
			b[2].Set(Ready, 2)
			near("a new process", 1./16)
			for _, seconds := range []int{4, 8, 12} {
				time.Sleep(4 * time.Second)
				time.Sleep(time.Millisecond)
				near(fmt.Sprintf("after %d s", seconds), float64(seconds)/16)
			}
			b[2].SetWeight(4)
			near("four times the weight", 4*12./16)
			b[2].SetWeight(1)
			time.Sleep(5 * time.Second)
			near("in the end", 1)
			b[2].Set(Coming, 3)
			b[2].Set(Ready, 3)
			p.SetSlowStart(0)
			near("switched off", 1)
			b[2].Set(Coming, 4)
			b[2].Set(Ready, 4)
			p.SetSlowStart(time.Minute)
			near("switched on when it was ready already", 1)
			b[0].Set(Down, 1)
			b[1].Set(Down, 1)
			b[2].Set(Coming, 5)
			b[2].Set(Ready, 5)
			if got := sharesOf(p, 5); got[3] != 5 {
				t.Errorf("it is the only one: %v", got)
			}
		})
	}
}

// TestChangesUnderLoad changes policy, weights, backups, stickiness and slow start while clients send requests over connections that
// they keep, and others are held: every request is answered, and no connection is lost.
func TestChangesUnderLoad(t *testing.T) {
	g := newRig(t)
	var all []*Backend
	for i := range 4 {
		all = append(all, g.serve(i+1, says("ok")))
	}
	const clients, each = 8, 150
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			// net/http's client would open another connection when it is slow itself.
			conn, err := net.Dial("tcp", g.front.Listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			for range each {
				io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // an error shows when reading
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				if resp.StatusCode != 200 || resp.Close || string(body) != "ok" || err != nil {
					t.Errorf("%+v %q %v", resp, body, err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	cookie, _ := balance.NewSticky("cookie", "lbdev_worker")
	for n := 0; ; n++ {
		select {
		case <-done:
			if s := g.proxy.Stats(); s.OK != s.Total || s.Total != clients*each || s.Failed+s.Cut > 0 || n < 10 {
				t.Errorf("%+v with %d changes", s, n)
			}
			return
		default:
		}
		rules := balance.Rules()
		if p, err := balance.New(rules[n%len(rules)].Name); err == nil {
			g.pool.SetPolicy(p)
		}
		b := all[n%len(all)]
		b.SetWeight(n % 5)
		all[(n+1)%len(all)].SetWeight(1)
		b.SetBackup(n%3 == 0)
		g.pool.SetSlowStart(time.Duration(n%2) * time.Second)
		g.pool.SetSticky([]*balance.Sticky{nil, cookie}[n%2])
		b.SetState([]Status{Coming, Ready}[n%2], "", 1)
		b.SetState(Ready, "", 1)
	}
}

// TestHeldThroughAChange: requests that wait for a worker go on waiting when the policy changes, and get one by the new policy.
func TestHeldThroughAChange(t *testing.T) {
	g := newRig(t)
	b := g.serve(1, says("ok"))
	b.Set(Coming, 2)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if r := g.get("/"); r.body != "ok" {
				t.Errorf("%+v", r)
			}
		})
	}
	eventually(t, "five requests wait", func() bool {
		g.pool.queue.mu.Lock()
		defer g.pool.queue.mu.Unlock()
		return g.pool.queue.n == 5
	})
	g.pool.SetPolicy(&balance.First{})
	b.SetWeight(5)
	b.Set(Ready, 2)
	wg.Wait()
	g.wantWhy(0, 0, "first: the lowest number")
	if s := g.proxy.Stats(); s.Held != 5 || s.OK != 5 {
		t.Errorf("%+v", s)
	}
}

// TestSlowStartSparesTheFirst: in the first start all are new, however long one takes.
func TestSlowStartSparesTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(nil)
		p.SetSlowStart(time.Minute)
		a, b := p.Add(1, 8000), p.Add(2, 8001)
		a.Set(Coming, 0)
		b.Set(Coming, 0)
		a.Set(Ready, 1)
		time.Sleep(time.Second)
		b.Set(Ready, 1)
		wantShares(t, p, "the first start", 5, 5)
		c := p.Add(3, 8002)
		c.Set(Coming, 0)
		c.Set(Ready, 1)
		if got := sharesOf(p, 33); got[3] != 1 || got[1] != 16 {
			t.Errorf("one more, by scale: %v", got)
		}
	})
}

// TestWeightZeroEverywhere: what nobody may have is answered at once, with the reason.
func TestWeightZeroEverywhere(t *testing.T) {
	g := newRig(t)
	b := g.serve(1, says("ok"))
	b.SetWeight(0)
	if r := g.get("/"); r.status != 503 {
		t.Errorf("%+v", r)
	}
	if a := g.access(0); a.Reason != "every worker that is up or coming has weight 0" {
		t.Errorf("%+v", a)
	}
	b.Set(Coming, 2)
	if r := g.get("/"); r.status != 503 || g.access(1).Held != 0 {
		t.Errorf("one was waited for that gets nothing: %+v", r)
	}
}
