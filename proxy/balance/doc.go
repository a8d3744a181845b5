// Package balance chooses one of several workers by a rule, and can say why.
//
//	view := balance.NewView([]balance.Worker{{Number: 1, Port: 8000, Weight: 1, InFlight: &n}}, nil)
//	i := policy.Pick(&balance.Turn{View: view})
//
// A View is who can be chosen at one moment and never changes; whoever knows the workers makes the next one when something
// about them does. A Policy is called by many goroutines at once, for every attempt of every request: none of those here takes a
// lock or allocates. Why a worker was chosen is noted as facts, of which text is made only when somebody asks.
//
// It knows nothing of connections and states: which workers are in the view, and which of them one request may not have (Gate),
// is decided by others.
package balance
