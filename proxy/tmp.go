package proxy

type upstream struct {
	backend *Backend
	worker int
	incarnation uint64
}
type tried struct { up *upstream; ripe bool }
type queue struct{}
type streams struct{}
func (*queue) wake() {}
func newUpstream(b *Backend, inc uint64) *upstream { return &upstream{b, b.worker, inc} }
func (*upstream) retire() {}
func (*upstream) revive() {}
func (*upstream) closeIdle() {}
