package balance

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkPick shows what a choice costs, by policy, of few workers and of as many as there can be.
func BenchmarkPick(b *testing.B) {
	r := request("/cart?x=1", "Who: me", "Cookie: theme=dark; who=me; lang=en")
	for _, workers := range []int{4, 512} {
		for _, heavy := range []int{1, 3} {
			weights := make([]int, workers)
			for i := range weights {
				weights[i] = 1 + i%heavy
			}
			v := viewOf(weights...)
			for _, w := range v.workers {
				w.Speed.Add(time.Now(), 5*time.Millisecond)
			}
			for _, p := range everyPolicy(b) {
				b.Run(fmt.Sprintf("%s/%d workers/weights to %d", p.Name(), workers, heavy), func(b *testing.B) {
					turn := &Turn{View: v, Client: "10.0.0.7", Now: time.Now(), Request: r}
					b.ReportAllocs()
					for b.Loop() {
						p.Pick(turn)
					}
				})
			}
		}
	}
}
