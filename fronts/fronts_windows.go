package fronts

import (
	"context"

	"github.com/lbdev/lbdev/templates/export"
)

type kind struct{}

// Find finds nothing: Windows has no FIFOs to read a log from, and no graceful reload by signals.
func Find(string, []string) (*Program, error) { return nil, ErrUnsupported }

// A Runner is what there is none of here.
type Runner struct{}

// New returns one that refuses everything.
func New(Config) *Runner { return &Runner{} }

// Follow refuses.
func (*Runner) Follow(context.Context, export.Cluster) (<-chan struct{}, error) {
	return nil, ErrUnsupported
}

// Close does nothing.
func (*Runner) Close(context.Context) {}
