package proxy

import (
	"testing"
)

// why is the reason of the n-th request's i-th attempt.
func (g *rig) why(n, i int) string {
	g.t.Helper()
	a := g.access(n)
	return a.Why(i)
}

func (g *rig) wantWhy(n, i int, want string) {
	g.t.Helper()
	if got := g.why(n, i); got != want {
		g.t.Errorf("request %d, attempt %d: %q, want %q", n, i, got, want)
	}
}

// TestWhyRoundRobin: what a request says of its choice is about the moment of the choice.
func TestWhyRoundRobin(t *testing.T) {
	g := newRig(t)
	first := g.serve(1, says("1"))
	second := g.serve(2, says("2"))
	third := g.serve(3, says("3"))
	one, two, three := portText(first.Port()), portText(second.Port()), portText(third.Port())

	g.get("/")
	g.wantWhy(0, 0, "round robin: "+one+" begins")
	g.get("/")
	second.SetState(Down, "drained", 1)
	g.get("/favicon.ico")
	g.get("/")
	second.SetState(Ready, "ready", 1)
	third.SetWeight(2)
	g.get("/")
	g.wantWhy(1, 0, "round robin: next after "+one)
	g.wantWhy(2, 0, "round robin: next after "+two+", takes no turn")
	g.wantWhy(3, 0, "round robin: next after "+two)
	g.wantWhy(4, 0, "round robin: next after "+three+" by weight")

	third.SetWeight(1)
	second.SetState(Coming, "backoff", 1)
	g.get("/")
	g.wantWhy(5, 0, "round robin: next after "+one+"; "+two+" skipped: backoff")
}

// TestWhyOfARetry names what was tried before.
func TestWhyOfARetry(t *testing.T) {
	g := newRig(t)
	dead := g.add(1, deadPort(t))
	second := g.serve(2, says("2"))
	one, two := portText(dead.Port()), portText(second.Port())
	g.get("/")
	g.wantWhy(0, 0, "round robin: "+one+" begins")
	g.wantWhy(0, 1, "round robin: next after "+one)
	dead.SetBackup(true)
	g.get("/")
	g.wantWhy(1, 0, "round robin: next after "+two+"; "+one+" skipped: backup")
}

// TestWhyNotAnEjectedOne: one that answers with errors only is passed over though it is ready.
func TestWhyNotAnEjectedOne(t *testing.T) {
	g := newRig(t)
	first, second := g.serve(1, says("1")), g.serve(2, says("2"))
	g.pool.mu.Lock()
	first.ejected.out = true
	g.pool.publish()
	g.pool.mu.Unlock()
	g.get("/")
	g.get("/")
	g.wantWhy(1, 0, "round robin: next after "+portText(second.Port())+"; "+portText(first.Port())+" skipped: ejected")
}
