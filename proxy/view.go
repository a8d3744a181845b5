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
	sticky   *balance.Sticky // nil = clients belong to nobody
	seats    []seat          // all workers, for sticky
	hopeful  bool            // a worker is coming, though none may be ready
	suspects bool            // none is: those in ready are only suspected not to answer, and tried all the same
}

// A seat is a worker to which a client may belong.
type seat struct {
	up    *upstream
	able  bool // it can have requests of such a client; it may be a backup, or have weight 0
	token string
}

// look makes the view of what the backends are now; p.mu is held. Backups get requests when no other worker does. One of weight 0
// gets none, whatever happens to the others: who wants a reserve has backups.
func (p *Pool) look(before *view) *view {
	v := &view{policy: p.policy, sticky: p.sticky}
	p.ramping = false
	var backups, suspects, ejected []*upstream
	for _, b := range p.backends {
		v.all = append(v.all, WorkerView{b.worker, b.port, b.status, b.up.incarnation, b.state, b.weight, b.backup, b.ejected.out})
		v.seats = append(v.seats, seat{b.up, b.status == Ready && !b.ejected.out, b.token})
		v.hopeful = v.hopeful || b.weight > 0 && (b.status == Coming || b.status == Suspect)
		switch {
		case b.weight == 0:
		case b.status == Suspect:
			suspects = append(suspects, b.up)
		case b.status != Ready:
		case b.ejected.out:
			ejected = append(ejected, b.up)
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
		v.ready = ejected // an answer with an error is an answer
	}
	if len(v.ready) == 0 {
		v.ready, v.suspects = suspects, len(suspects) > 0
	}
	v.choice = p.choiceOf(v.ready, before)
	if len(backups) > 0 {
		v.spare = &view{policy: p.policy, ready: backups, choice: p.choiceOf(backups, before.spare)}
	}
	return v
}

// hopeless says why no worker gets requests and none is going to.
func (v *view) hopeless() string {
	for i := range v.all {
		if v.all[i].Status != Down {
			return "every worker that is up or coming has weight 0"
		}
	}
	return "no worker is up, and none is coming"
}

// choiceOf is what a policy sees of workers; p.mu is held.
func (p *Pool) choiceOf(ups []*upstream, before *view) *balance.View {
	workers := make([]balance.Worker, 0, len(ups))
	warm, warming := p.warmth(ups)
	for i, up := range ups {
		b := up.backend
		w := balance.Worker{Number: b.worker, Port: b.port, Weight: b.weight, InFlight: &b.inFlight, Speed: &up.speed}
		if warming {
			w.Weight = max(1, b.weight*warm[i])
		}
		workers = append(workers, w)
	}
	p.ramping = p.ramping || warming
	if before == nil {
		return balance.NewView(workers, nil)
	}
	return balance.NewView(workers, before.choice)
}

// Share is the worker's weight, and whether it is a backup.
func (b *Backend) Share() (weight int, backup bool) {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	return b.weight, b.backup
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
