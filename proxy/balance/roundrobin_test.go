package balance

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// viewOf has workers 1 to n with these weights; port 8000 is worker 1's.
func viewOf(weights ...int) *View {
	var workers []Worker
	for i, w := range weights {
		workers = append(workers, Worker{Number: i + 1, Port: 8000 + i, Weight: w, InFlight: new(atomic.Int64), Speed: new(Speed)})
	}
	return NewView(workers, nil)
}

// without is the view without some workers.
func (v *View) without(numbers ...int) *View {
	var workers []Worker
	for _, w := range v.workers {
		keep := true
		for _, n := range numbers {
			keep = keep && w.Number != n
		}
		if keep {
			workers = append(workers, w)
		}
	}
	return NewView(workers, v)
}

// picks lets a policy choose n times and returns the workers as letters.
func picks(p Policy, v *View, n int) string {
	var text strings.Builder
	for range n {
		text.WriteByte(byte('a' + v.Number(p.Pick(&Turn{View: v})) - 1))
	}
	return text.String()
}

// TestSmoothAsNginx compares with what nginx's own tests and documents expect of it.
func TestSmoothAsNginx(t *testing.T) {
	for _, tt := range []struct {
		weights []int
		want    string
	}{
		{[]int{1, 1, 1}, "abcabc"},
		{[]int{7, 7}, "abab"},
		{[]int{5, 1, 1}, "aabacaaaabacaa"},
		{[]int{4, 2, 1}, "abacaba"},
		{[]int{2, 1}, "abaaba"},
		{[]int{10, 5}, "abaaba"},
		{[]int{1, 3}, "babbbabb"},
	} {
		if got := picks(&RoundRobin{}, viewOf(tt.weights...), len(tt.want)); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.weights, got, tt.want)
		}
	}
}

// TestWeightedShares: over any whole period, wherever it begins, each worker has exactly its share.
func TestWeightedShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 20), 1, 8).Draw(t, "weights")
		v, p := viewOf(weights...), &RoundRobin{}
		period := v.length()
		for range rapid.IntRange(0, 2*period).Draw(t, "before") {
			p.Pick(&Turn{View: v})
		}
		counts := make([]int, len(weights))
		for range period {
			counts[p.Pick(&Turn{View: v})]++
		}
		for i, n := range counts {
			if n*v.total != weights[i]*period {
				t.Fatalf("weights %v: worker %d has %d of %d turns", weights, i+1, n, period)
			}
		}
	})
}

// TestWeightedUnderChange: while workers come and go, one that can be chosen all the time is passed over for a period at most, and for
// one before and one after a change.
func TestWeightedUnderChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := viewOf(rapid.SliceOfN(rapid.IntRange(1, 5), 4, 4).Draw(t, "weights")...)
		p := &RoundRobin{}
		since, before := make([]int, 4), 0
		for range rapid.IntRange(1, 20).Draw(t, "changes") {
			v := all.without(rapid.IntRange(2, 4).Draw(t, "down"), rapid.IntRange(2, 4).Draw(t, "down too"))
			for range 2 * v.length() {
				n := v.Number(p.Pick(&Turn{View: v}))
				for i := range since {
					since[i]++
				}
				since[n-1] = 0
				if since[0] >= before+v.length() {
					t.Fatalf("worker 1 had no turn in %d", since[0])
				}
			}
			before = v.length()
		}
	})
}

// TestConcurrentWeights: however many pick at once, each worker gets its share to the request.
func TestConcurrentWeights(t *testing.T) {
	const clients, periods = 8, 500
	weights := []int{1, 5, 2, 2}
	v, p := viewOf(weights...), &RoundRobin{}
	counts := make([]atomic.Int64, len(weights))
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			turn := &Turn{View: v}
			for range periods * 10 {
				counts[p.Pick(turn)].Add(1)
			}
		})
	}
	wg.Wait()
	for i := range counts {
		if n := counts[i].Load(); n != int64(weights[i]*clients*periods) {
			t.Errorf("worker %d of weight %d: %d", i+1, weights[i], n)
		}
	}
}

// TestLongRotation: what has no common measure is rounded, and nobody is left out.
func TestLongRotation(t *testing.T) {
	weights := make([]int, 512)
	for i := range weights {
		weights[i] = 1 + i%MaxWeight
	}
	v := viewOf(weights...)
	if v.length() > 2*maxRotation {
		t.Errorf("%d turns", v.length())
	}
	had := make([]int, len(weights))
	for _, i := range v.rotation {
		had[i]++
	}
	for i, n := range had {
		if share := float64(weights[i]) / float64(v.total) * float64(v.length()); float64(n) < share-1 || float64(n) > share+1.5 {
			t.Errorf("worker %d has %d turns, its share is %.1f", i+1, n, share)
		}
	}
}

// barring is a Gate that keeps a request from workers, by index.
type barring []bool

func (b barring) May(i int) bool { return !b[i] }
