package balance

import (
	"strconv"
	"strings"
	"time"
)

// A Why is why a worker was chosen: a few facts that a policy notes at no cost. What they mean only that policy knows.
type Why struct {
	rule     explainer // that chose; nil = a policy that gives no reasons
	key      string    // what was hashed
	hash     uint64
	speed    time.Duration
	after    int32 // the number of the worker that had the turn before
	rival    int32 // the number of the one that was compared with
	rivalHas int32 // what that one had in flight
	inFlight int32 // of the chosen one
	weighted bool  // weights differ
	peek     bool

	sticky *Sticky // led to the worker, or would have; nil = the client belongs to none
	stuck  int32   // the number of that worker
}

// An explainer makes text of its own facts.
type explainer interface {
	explain(w *Why, c *choice) string
}

// A Known is a worker as Text has to know it.
type Known struct {
	Number, Port int
	// Barred says why the request could not have it when the choice was made, such as "drained"; empty = it could.
	Barred string
}

// Text says why the worker of that number was chosen, of all that were known at the time: "round robin: next after 8001; 8002
// skipped: drained". It is empty where there is nothing to tell.
func (w *Why) Text(number int, known []Known) string {
	c := &choice{number, known}
	var reasons []string
	if w.sticky != nil {
		reasons = append(reasons, w.sticky.explain(w, c))
	}
	if w.rule != nil {
		reasons = append(reasons, w.rule.explain(w, c))
	}
	return strings.Join(reasons, "; ")
}

// A choice is what was chosen, and of which.
type choice struct {
	number int
	known  []Known
}

// port is how people call the chosen worker.
func (c *choice) port() string { return c.portOf(c.number) }

// portOf is how people call a worker: by its port, if that is known.
func (c *choice) portOf(number int) string {
	for i := range c.known {
		if c.known[i].Number == number {
			return strconv.Itoa(c.known[i].Port)
		}
	}
	return "worker " + strconv.Itoa(number)
}

// between lists the workers that would have had the turn, going round, after the one of that number and before the chosen one.
func (c *choice) between(after int) string {
	var skipped []Known
	for round := range 2 {
		for _, k := range c.known {
			if round == 0 && k.Number <= after || round == 1 && k.Number > after {
				continue
			}
			if k.Number == c.number {
				return list(skipped)
			}
			skipped = append(skipped, k)
		}
	}
	return list(skipped)
}

// maxSkipped bounds how many workers a reason lists.
const maxSkipped = 3

// list says why workers were passed over: "; 8002 skipped: drained". One that was not barred had its turn in the meantime.
func list(skipped []Known) string {
	var text strings.Builder
	n := 0
	for _, k := range skipped {
		if k.Barred == "" {
			continue
		}
		if n++; n <= maxSkipped {
			text.WriteString("; " + strconv.Itoa(k.Port) + " skipped: " + k.Barred)
		}
	}
	if n > maxSkipped {
		text.WriteString("; " + strconv.Itoa(n-maxSkipped) + " more skipped")
	}
	return text.String()
}
