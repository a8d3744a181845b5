package proxy

import (
	"github.com/lbdev/lbdev/proxy/balance"
)

// A view is the workers at one moment, in the order of their numbers, and the rule by which one is chosen. It never changes.
type view struct {
	policy   balance.Policy
	ready    []*upstream   // those that get requests
	choice   *balance.View // the same for the policy
	spare    *view         // the backups, while there are others; nil = none
	all      []WorkerView
	hopeful  bool // a worker is coming, though none may be ready
	suspects bool // none is: those in ready are only suspected not to answer, and tried all the same
}

// look makes the view of what the backends are now; p.mu is held. Backups get requests when no other worker does. One of weight 0
// gets none, whatever happens to the others: who wants a reserve has backups.
func (p *Pool) look(before *view) *view {
	v := &view{policy: p.policy}
	var backups, suspects []*upstream
	for _, b := range p.backends {
		v.all = append(v.all, WorkerView{b.worker, b.port, b.status, b.up.incarnation, b.state, b.weight, b.backup})
		v.hopeful = v.hopeful || b.weight > 0 && (b.status == Coming || b.status == Suspect)
		switch {
		case b.weight == 0:
		case b.status == Suspect:
			suspects = append(suspects, b.up)
		case b.status != Ready:
		case b.backup:
			backups = append(backups, b.up)
		default:
			v.ready = append(v.ready, b.up)
		}
	}
	if len(v.ready) == 0 {
		v.ready, backups = backups, nil
	}
	if len(v.ready) == 0 {
		v.ready, v.suspects = suspects, len(suspects) > 0
	}
	v.choice = choiceOf(v.ready, before)
	if len(backups) > 0 {
		v.spare = &view{policy: p.policy, ready: backups, choice: choiceOf(backups, before.spare)}
	}
	return v
}

// choiceOf is what a policy sees of workers; p.mu is held.
func choiceOf(ups []*upstream, before *view) *balance.View {
	workers := make([]balance.Worker, 0, len(ups))
	for _, up := range ups {
		b := up.backend
		workers = append(workers, balance.Worker{
			Number: b.worker, Port: b.port, Weight: b.weight, InFlight: &b.inFlight, Speed: &up.speed,
		})
	}
	if before == nil {
		return balance.NewView(workers, nil)
	}
	return balance.NewView(workers, before.choice)
}

// SetWeight changes the worker's share: how many requests it gets in proportion to the others, from 0, which is none, to
// balance.MaxWeight. It begins with 1.
func (b *Backend) SetWeight(weight int) {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.weight = min(max(weight, 0), balance.MaxWeight)
	b.pool.publish()
}

// SetBackup says whether the worker gets requests only when no other one is ready.
func (b *Backend) SetBackup(backup bool) {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	b.backup = backup
	b.pool.publish()
}
