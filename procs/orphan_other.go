//go:build !linux

package procs

import (
	"context"
	"os"
	"time"
)

func findOrphans([]Leader) (orphans, unsure []Leftover)                    { return nil, nil }
func endOrphans(context.Context, []Leader, os.Signal, time.Duration) Ended { return Ended{} }
func ownerOf(int) (Leader, bool)                                           { return Leader{}, false }
