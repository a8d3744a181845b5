package balance

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// home is where a hash policy sends a client.
func home(v *View, client int) int {
	h := &Hash{of: ofClient}
	return v.Number(h.Pick(&Turn{View: v, Client: fmt.Sprintf("10.0.%d.%d", client/250, client%250)}))
}

// TestHashMovesFewKeys: the same key has the same worker; when workers go only their own keys move, and they come back with them;
// a weight that grows takes keys from others and moves none between them.
func TestHashMovesFewKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "workers")
		weights := make([]int, n)
		weighted := rapid.Bool().Draw(t, "weighted")
		for i := range weights {
			weights[i] = 1
			if weighted {
				weights[i] = rapid.IntRange(1, 4).Draw(t, "weight")
			}
		}
		all := viewOf(weights...)
		gone := rapid.IntRange(1, n).Draw(t, "gone")
		fewer := all.without(gone)
		more := append([]int(nil), weights...)
		more[gone-1] += 2
		heavier := viewOf(more...)
		for client := range 300 {
			at := home(all, client)
			if again := home(all, client); again != at {
				t.Fatalf("client %d: %d and then %d", client, at, again)
			}
			moved := home(fewer, client)
			if at != gone && moved != at || moved == gone {
				t.Fatalf("client %d of worker %d went to %d when %d went", client, at, moved, gone)
			}
			if now := home(heavier, client); now != at && now != gone {
				t.Fatalf("client %d of worker %d went to %d when %d got heavier", client, at, now, gone)
			}
		}
	})
}

// TestHashShares: keys are spread as the weights say, and those of a worker that goes over all others.
func TestHashShares(t *testing.T) {
	const clients = 20000
	for _, weights := range [][]int{{1, 1, 1, 1}, {1, 2, 4, 1}} {
		v := viewOf(weights...)
		counts, heirs := make([]int, 5), make([]int, 5)
		for client := range clients {
			at := home(v, client)
			counts[at]++
			if at == 1 {
				heirs[home(v.without(1), client)]++
			}
		}
		for i, w := range weights {
			want := clients * w / v.total
			if got := counts[i+1]; got < want*9/10 || got > want*11/10 {
				t.Errorf("weights %v: worker %d has %d clients, want about %d", weights, i+1, got, want)
			}
			if i > 0 && heirs[i+1] < counts[1]*w/(v.total-weights[0])*8/10 {
				t.Errorf("weights %v: worker %d inherits %d of %d", weights, i+1, heirs[i+1], counts[1])
			}
		}
	}
}

// TestHashKeys: what is hashed, and that a request without a key takes its turn.
func TestHashKeys(t *testing.T) {
	v := viewOf(1, 1, 1, 1, 1, 1, 1, 1)
	for _, tt := range []struct {
		policy      string
		same        [2]string // header of two requests with the same key
		different   string
		without     string
		path, same2 string
	}{
		{"header-hash:X-User", [2]string{"X-User: ann", "x-user: ann"}, "X-User: bob", "X-Other: ann", "/", "/other"},
		{"cookie-hash:session", [2]string{"Cookie: session=ann", "Cookie: a=b;  session=ann; session=bob"}, "Cookie: session=cleo", "Cookie: Session=ann", "/", "/other"},
		{"uri-hash", [2]string{"A: b", "C: d"}, "", "", "/cart?x=1", "/cart?y=2"},
	} {
		p, err := New(tt.policy)
		if err != nil {
			t.Fatal(err)
		}
		first := p.Pick(&Turn{View: v, Request: request(tt.path, tt.same[0])})
		if again := p.Pick(&Turn{View: v, Request: request(tt.same2, tt.same[1])}); again != first {
			t.Errorf("%s: %d and %d", tt.policy, first, again)
		}
		if tt.different != "" {
			if other := p.Pick(&Turn{View: v, Request: request("/", tt.different)}); other == first {
				t.Errorf("%s: both at %d", tt.policy, other)
			}
			for i := range 8 {
				turn := &Turn{View: v, Request: request("/", tt.without)}
				if got := p.Pick(turn); got != i {
					t.Errorf("%s without a key: %d, want %d", tt.policy, got, i)
				}
			}
		}
		if i := p.Pick(&Turn{View: v}); i != 0 {
			t.Errorf("%s without HTTP: %d", tt.policy, i)
		}
	}
}
