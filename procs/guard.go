package procs

// EndWithUs sees to it that our own death, however sudden, ends all processes that are started from now on, within 2 s. Call
// it once, first thing, in a program whose main begins with GuardianMain; and Release what it returns when all trees are
// gone. A process that dies without that leaves them to be ended.
//
// On Linux and macOS two guardians do that: this very program, started again, each waiting in a session of its own for the
// end of a pipe that only we hold. Both know everything, so while one that was killed is being replaced, which takes
// milliseconds, the other one is there. Linux ends our direct children besides. On Windows we are in a job that ends with
// us.
//
// report is called from one of the guard's goroutines when a guardian could not be started again, once until one can be;
// nil = nobody wants to know. An error means that there is no guard.
func EndWithUs(report func(error)) (*Guard, error) { return endWithUs(report) }
