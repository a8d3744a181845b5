// Package fronts runs nginx, HAProxy, Apache or Caddy as the front of a cluster, and reads from their logs who served each request.
//
//	p, err := fronts.Find("nginx")                    // a *MissingError where it is not installed
//	r := fronts.New(fronts.Config{Program: p, Dir: folder, Observed: p.Observed, …})
//	done, err := r.Follow(ctx, cluster)               // starts it; later calls reload it
//	r.Close(ctx)
//
// What templates/export writes for a program is what runs. Around it comes what one run needs: files in a folder of its own, the
// foreground, the user who we are, and a log in a form that can be read. That log is a FIFO which we hold open ourselves: so
// nothing is lost when we are slow, as the program waits then, and the end of it is a line of ours.
//
// The program finds out by itself which workers are dead. Each reload is graceful in the program's own way, and is over when the old
// processes have said that they take nothing new; they may serve what they have for as long as that takes.
//
// It needs what Unix has: FIFOs, signals, sockets in folders.
package fronts
