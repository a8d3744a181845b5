// Package procs runs one child process tree: its start on a pseudo terminal or a pipe, its output as lines, its stop, its
// death.
//
//	p, err := procs.Start(procs.Config{Argv: []string{"python3", "app.py"}, Output: show})
//	…
//	ended := p.End(ctx, syscall.SIGTERM, 10*time.Second) // the app, its children, and theirs
//
// What it promises:
//
//   - Output is called from one goroutine, in order, and never after Drained is closed. The last words of a process come
//     before that, also those without a newline.
//   - Done follows the process itself, never the end of its output: a child that it leaves behind may hold that for ever.
//   - End returns when the tree is gone, or says what it could not end. Whoever starts a process calls End in the end,
//     also when the process died by itself: End is what finds and ends what it left behind. After that, no goroutine,
//     descriptor or handle of it remains.
//
// What belongs to the tree: on Linux, whoever is in the session or group of the process, or descends from a member, or
// bears the mark that Start puts into the environment as LBDEV_MARK; so a daemon that forks twice is found too, unless it
// drops its environment. On macOS the same without the mark; on Windows whoever is in the job of the process.
//
// When we die ourselves, the trees should not live on. A program that wants that begins its main with GuardianMain, calls
// EndWithUs before the first Start and Release after the last End. A guardian is this program again, in a process of its
// own; it is told each tree by a line in a pipe and acts when the pipe ends without a goodbye. What a crash has left behind
// nevertheless is found by Marked or Orphans, and ended by EndMarked or EndOrphans: the former of a lbdev that the caller
// knows of, the latter of all that have ended.
//
// On Linux all processes are started by one goroutine that never returns, (*forker).run: the kernel sends the signal that
// ends children with us when the thread that forked dies, not the process.
package procs
