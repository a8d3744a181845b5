package proxy

import (
	"github.com/lbdev/lbdev/proxy/balance"
)

// Why says why the i-th attempt went to its worker: "round robin: next after 8001; 8002 skipped: drained". The text is made when it
// is asked for. Empty = the policy gives no reasons.
func (a *Access) Why(i int) string {
	at := &a.Attempts[i]
	known := make([]balance.Known, 0, len(at.known))
	for k := range at.known {
		w := &at.known[k]
		known = append(known, balance.Known{Number: w.Worker, Port: w.Port, Barred: a.barred(w, i, at.known)})
	}
	return at.why.Text(at.Worker, known)
}

// barred says why a worker could not be chosen for the i-th attempt; empty = it could.
func (a *Access) barred(w *WorkerView, i int, known []WorkerView) string {
	switch {
	case w.Status != Ready && w.State != "":
		return w.State
	case w.Status != Ready:
		return string(w.Status)
	case w.Weight == 0:
		return "weight 0"
	case w.Ejected:
		return "ejected"
	}
	for _, before := range a.Attempts[:i] {
		if before.Worker == w.Worker && before.Incarnation == w.Incarnation {
			return before.Result
		}
	}
	if w.Backup && primary(known) {
		return "backup"
	}
	return ""
}

// primary says whether a worker that is no backup gets requests.
func primary(known []WorkerView) bool {
	for i := range known {
		if w := &known[i]; w.Status == Ready && w.Weight > 0 && !w.Backup && !w.Ejected {
			return true
		}
	}
	return false
}
