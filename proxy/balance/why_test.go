package balance

import (
	"testing"
	"time"
)

// TestWhy reads what each policy says of a choice.
func TestWhy(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		policy  string
		weights []int
		gone    int
		fields  string
		want    string
	}{
		{"round-robin", []int{1, 1, 1}, 2, "", "round robin: next after 8000; 8001 skipped: drained"},
		{"round-robin", []int{2, 1}, 0, "", "round robin: next after 8000 by weight"},
		{"least-conn", []int{1, 1}, 0, "", "least connections: 0 in flight"},
		{"least-conn", []int{1, 1}, 1, "", "least connections: 3 in flight"},
		{"least-conn", []int{1, 4}, 0, "", "least connections: 3 in flight, by weight"},
		{"two-choices", []int{1, 1}, 0, "", "two choices: 0 in flight, 8001 had 3"},
		{"two-choices", []int{1, 1}, 1, "", "two choices: 3 in flight, there was no other"},
		{"random", []int{1}, 0, "", "random"},
		{"random", []int{1, 2}, 0, "", "random by weight"},
		{"fastest", []int{1, 1}, 0, "", "fastest: how fast it is was unknown"},
		{"fastest", []int{1, 1}, 1, "", "fastest: 12ms to the first byte, 3 in flight"},
		{"first", []int{1, 1, 1}, 0, "", "first: the lowest number"},
		{"first", []int{1, 1, 1}, 1, "", "first: the lowest number; 8000 skipped: drained"},
		{"ip-hash", []int{1}, 0, "", "hash of 10.0.0.7"},
		{"uri-hash", []int{1}, 0, "", "hash of /cart"},
		{"uri-hash", []int{1, 2}, 0, "", "hash of /cart by weight"},
		{"header-hash:X-User", []int{1}, 0, "X-User: ann", "hash of header X-User"},
		{"header-hash:X-User", []int{1, 1}, 0, "", "no header X-User; round robin: next after 8000"},
		{"cookie-hash:session", []int{1}, 0, "Cookie: session=secret", "hash of cookie session"},
	} {
		p, err := New(tt.policy)
		if err != nil {
			t.Fatal(err)
		}
		v := viewOf(tt.weights...)
		var known []Known
		for _, w := range v.workers {
			known = append(known, Known{Number: w.Number, Port: w.Port})
		}
		if len(v.workers) > 1 {
			v.workers[1].InFlight.Store(3)
			v.workers[1].Speed.Add(now, 12*time.Millisecond)
		}
		if tt.policy != "first" && tt.gone != 1 {
			p.Pick(&Turn{View: v, Request: request("/cart")}) // so that there is one that had the turn before
		}
		if tt.policy == "least-conn" && tt.weights[1] == 4 {
			v.workers[0].InFlight.Store(1)
		}
		if tt.gone > 0 {
			known[tt.gone-1].Barred = "drained"
			v = v.without(tt.gone)
		}
		turn := &Turn{View: v, Client: "10.0.0.7", Now: now, Request: request("/cart?token=secret")}
		if tt.fields != "" {
			turn.Request = request("/cart", tt.fields)
		}
		i := p.Pick(turn)
		if got := turn.Why.Text(v.Number(i), known); got != tt.want {
			t.Errorf("%s, %v without %d: %q, want %q", tt.policy, tt.weights, tt.gone, got, tt.want)
		}
	}
}

// TestWhyOfAHash names the workers that this key would rather have had.
func TestWhyOfAHash(t *testing.T) {
	v := viewOf(1, 1, 1)
	h := &Hash{of: ofPath}
	turn := &Turn{View: v, Request: request("/cart")}
	own := v.Number(h.Pick(turn))
	v = v.without(own)
	turn.View = v
	next := v.Number(h.Pick(turn))
	known := []Known{{1, 8000, ""}, {2, 8001, ""}, {3, 8002, ""}}
	known[own-1].Barred = "backoff"
	want := "hash of /cart; " + (&choice{known: known}).portOf(own) + " skipped: backoff"
	if got := turn.Why.Text(next, known); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWhyIsShort: of many that were skipped only a few are named.
func TestWhyIsShort(t *testing.T) {
	v := viewOf(1, 1, 1, 1, 1, 1, 1)
	var known []Known
	for _, w := range v.workers {
		known = append(known, Known{w.Number, w.Port, "stopped"})
	}
	known[6].Barred = ""
	f := &First{}
	turn := &Turn{View: v.without(1, 2, 3, 4, 5, 6)}
	f.Pick(turn)
	want := "first: the lowest number; 8000 skipped: stopped; 8001 skipped: stopped; 8002 skipped: stopped; 3 more skipped"
	if got := turn.Why.Text(7, known); got != want {
		t.Error(got)
	}
	if got := (&Why{}).Text(1, known); got != "" {
		t.Errorf("a policy that gives no reasons: %q", got)
	}
}
