// Package clients lets real clients and servers talk to each other through lbdev: curl, nghttp and h2load, gRPC, WebSockets from Go
// and from a browser, git, PHP, Python and Node. It has nothing but tests, of the program as it is built.
//
//	go test ./clients                the short versions
//	make soak                        the long ones: a gibibyte each way, streams that are silent for minutes, 200 idle closes
package clients
