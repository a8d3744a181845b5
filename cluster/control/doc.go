// Package control lets other terminals, scripts and the dashboard see and change a running cluster: HTTP on a unix socket.
//
//	claim, err := dir.Claim(control.Info{Name: "shop", Folder: folder}) // the name is ours now, or a *NameTakenError
//	server := &control.Server{Cluster: c, Token: claim.Token(), Down: askToEnd}
//	server.Open(claim.Listener())
//	…
//	report := c.Shutdown(ctx)
//	server.Finish(report)  // tells whoever called `lbdev down`
//	server.Close(ctx)      // the socket, last of all
//	claim.Close()          // the files
//
// and from elsewhere:
//
//	found, err := dir.Find(ctx, "", folder) // which cluster is meant
//	client := found.Client()
//	defer client.Close()
//	workers, err := client.Kill(ctx, "8001", 0)
//
// A feature has one word in every layer: the route in routes.go, the method of Client, that of cluster.Cluster.
//
// # What it promises
//
//   - Events and log lines arrive in order, each once. Whoever loses the connection and comes back with the id of the last
//     one that it has gets the next one; an id of another run of the cluster starts at the oldest.
//   - A slow reader is told how many it missed and holds nobody up.
//   - A long action tells each step while it runs, and its last line says whether it went well.
//   - A name has one cluster, and what a crashed one left behind stops nobody.
//
// # Who may come in
//
// The user who started the cluster. The socket lies in a folder that nobody else may enter, has mode 0600, and whoever
// connects is asked of the kernel for its user. On Windows, where the peer of a socket can't be asked for, a listener on the
// loopback wants a token that is in the state file.
//
// The Server owns its listener from Open to Close, but neither the cluster nor the files: these belong to the Claim. The
// package neither prints nor exits, and it doesn't end the cluster: Down asks whoever runs it.
package control
