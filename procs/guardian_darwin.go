package procs

import "time"

// selfPath is not known without asking.
const selfPath = ""

// lookEvery is how often a guardian notes who belongs to its trees. There is no mark on macOS, so nothing leads to a process
// in a session of its own when its parent is gone; who was seen before is known. It costs the kernel's process table, about
// a millisecond.
const lookEvery = 500 * time.Millisecond

// rename has no way, and no need: ps and pkill show what our arguments say.
func rename() {}
