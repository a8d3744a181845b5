package procs

import (
	"context"
	"os"
	"time"
)

// Orphans finds the processes of this user that a lbdev has left behind: those whose lbdev, the last of their Owners, has
// ended for sure, with their descendants, and guardians that outlived it. Only Linux shows whose a process is; elsewhere
// none are found.
//
// Nothing of a lbdev that lives is among them: not what it started, whoever started it; neither its descendants nor its
// ancestors; nor our own. Which lbdevs live is told by the marks of what they started and by their guardians, so no file
// is needed for that; living are those that the caller knows of besides.
//
// Unsure are those of whom it can't be told whether their lbdev lives: in a container of its own, or hidden from us. They
// are best left alone.
func Orphans(living ...Leader) (orphans, unsure []Leftover) { return findOrphans(living) }

// EndOrphans ends those whom Orphans finds, and who is forked meanwhile, as EndMarked does it.
func EndOrphans(ctx context.Context, living []Leader, sig os.Signal, grace time.Duration) Ended {
	return endOrphans(ctx, living, sig, grace)
}

// OwnerOf is the lbdev that has started the process with this pid, if it lives. Only Linux tells.
func OwnerOf(pid int) (lbdev Leader, ok bool) { return ownerOf(pid) }
