// Package logfile keeps what the workers print, what becomes of them, and each request, in files that are rotated.
//
//	files, err := logfile.Open(logfile.Config{Dir: "logs", AppendRequest: appendRequest})
//	if err != nil { … }
//	config.OnAccess = files.Access
//	c, err := cluster.New(config)
//	files.Follow(c.Logs(), c.Events())
//	err = c.Open()
//	…
//	c.Shutdown(ctx)
//	err = files.Close()
//
// # Files
//
//	worker-8001.log                           what the worker on port 8001 prints
//	worker-8001-2026-11-24T09-30-00.000.log   the same, up to that time (UTC), with .gz if compressed
//	access.log                                a line per request, in the form that Config.AppendRequest gives it
//
// With Config.AccessFile there is that one file instead, under a name of its own. It may be a pipe or a device too.
//
// A worker's lines are without colours, each with the time when it came. What the supervisor knows of the worker stands
// between them in the order in which it happened, and no output can look like it: all of that has a bar before it.
//
//	2026-11-24T09:30:00.120+01:00 lbdev: starting pid 4711 (incarnation 2)
//	2026-11-24T09:30:00.480+01:00 | Listening on http://127.0.0.1:8001
//	2026-11-24T09:30:00.493+01:00 lbdev: ready pid 4711 (incarnation 2) after 373ms
//
// # What is lost
//
// No line: the reader of the log is lossless, so a disk that is slow slows the workers. A disk that refuses (it is full,
// the folder is gone) neither stops nor slows anybody: what cannot be written is counted, Config.Warn hears of it once, and
// the file says how much is missing when it can be written again. A folder that was removed is made anew.
//
// Requests never wait for the disk. 16,384 of them may wait to be written; what comes on top is counted, and the file
// says so.
//
// # Why not lumberjack
//
// The common library for rotation, natefinch/lumberjack v2, was measured: each of its loggers leaves a goroutine that never
// ends (its issue 56), and every worker that comes and goes would leave one; of 200 quick rotations 71 backups were there
// afterwards, as those of one millisecond overwrite each other; writing into a file that was removed with its folder is no
// error there; and half a line stays in the file when the disk is full.
package logfile
