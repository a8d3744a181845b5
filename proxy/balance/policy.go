package balance

import (
	"net/http"
	"time"
)

// A Policy is the rule that chooses a worker for a request. It is called by many goroutines at once, for every attempt, so
// it must not lock, block or allocate.
type Policy interface {
	// Name is what users call it, such as "round-robin".
	Name() string

	// Pick returns the index in turn.View of the chosen worker, one for which turn.May is true; -1 if there is none.
	Pick(turn *Turn) int
}

// A Turn is one choice to be made. A policy must not keep it.
type Turn struct {
	View    *View         // the workers to choose from
	Request *http.Request // nil where what is balanced is not HTTP
	Client  string        // the address that the request came from, without the port
	Now     time.Time     // when the choice is made, or a little before
	// Peek says that the request takes no turn: the next one gets the same worker. Browsers ask for icons unasked.
	Peek bool
	// Gate says which workers the request may not have; nil = it may have all.
	Gate Gate
	// Why is set by Pick.
	Why Why
}

// A Gate says which workers of a view a request may have: not those where it has just failed.
type Gate interface {
	May(i int) bool
}

// May says whether the request may go to the i-th worker of the view.
func (t *Turn) May(i int) bool { return t.Gate == nil || t.Gate.May(i) }
