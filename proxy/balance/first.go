package balance

// First gives all requests to the first worker that can have them: the others are hot standbys.
type First struct{}

// Name returns "first".
func (*First) Name() string { return "first" }

// Pick implements Policy.
func (f *First) Pick(turn *Turn) int {
	for i := range turn.View.workers {
		if turn.May(i) {
			turn.Why = Why{rule: f}
			return i
		}
	}
	return -1
}

func (*First) explain(_ *Why, c *choice) string {
	return "first: the lowest number" + c.between(0)
}
