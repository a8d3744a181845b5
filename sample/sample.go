// Package sample is a small web app that says which of its copies served you.
//
// It is what people balance when they have no app at hand: lbdev re-executes itself to run it, one process per worker.
// Every page answers as HTML, or as JSON when the request's Accept header asks for application/json. All state is in
// the memory of the one process, which is the point of /count.
//
// It is a partner for experiments, not a server to keep: /crash ends the process and /hang holds a connection for as
// long as its client likes. It listens on loopback only.
package sample

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Config says which copy this is. The zero value listens on a port that the kernel chooses.
type Config struct {
	// Port is the port on 127.0.0.1. Zero lets the kernel choose one; the line on Log says which.
	Port int

	// Worker is the copy's number or name, shown on the page. Empty shows the port alone.
	Worker string

	// Log receives one line when the app listens and one per request. Nil means os.Stdout.
	Log io.Writer

	// StopTimeout bounds the wait for requests in flight once the context of Serve is done.
	// Zero means 5 seconds, negative means no wait.
	StopTimeout time.Duration

	// Exit ends the process for /crash. Nil means os.Exit; it is not expected to return.
	Exit func(code int)
}

func (c Config) log() io.Writer {
	if c.Log == nil {
		return os.Stdout
	}
	return c.Log
}

func (c Config) stopTimeout() time.Duration {
	if c.StopTimeout == 0 {
		return 5 * time.Second
	}
	return max(c.StopTimeout, 0)
}

func (c Config) exit(code int) {
	if c.Exit == nil {
		os.Exit(code) // /crash is meant to take the process down without an answer
	}
	c.Exit(code)
}

// Main runs the app as a worker's process: the port comes from args[0], else from $PORT, and the name
// from $LBDEV_WORKER. It returns nil after ctx is done and the requests in flight have ended.
func Main(ctx context.Context, args []string) error {
	text, from := os.Getenv("PORT"), "$PORT"
	if len(args) > 0 {
		text, from = args[0], "the argument"
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("cannot use %s %q as the sample app's port: want a number from 0 to 65535", from, text)
	}
	return Serve(ctx, Config{Port: int(port), Worker: os.Getenv("LBDEV_WORKER")})
}

// Serve listens on 127.0.0.1 and serves until ctx is done, then lets requests in flight end.
// A port that is taken is an error at once. Streams, hangs and WebSockets are told to end first, so that one of them
// does not use up the whole StopTimeout.
func Serve(ctx context.Context, c Config) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
	if err != nil {
		return fmt.Errorf("cannot listen for the sample app: %w", err)
	}
	c.Port = l.Addr().(*net.TCPAddr).Port
	a := newApp(c, ctx.Done())
	srv := &http.Server{Handler: a, ReadHeaderTimeout: 30 * time.Second, ConnState: a.newcomers.note}
	fmt.Fprintf(c.log(), "Sample app listening on http://%s/ (pid %d)\n", l.Addr(), os.Getpid())
	served := make(chan error, 1)
	go a.serve(srv, l, served)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	return errors.Join(a.stop(srv), <-served)
}

// stop ends srv gracefully within StopTimeout, then by force. Force is no error: the caller asked for a bounded end.
func (a *app) stop(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), a.c.stopTimeout())
	defer cancel()
	defer time.AfterFunc(newcomerPatience, a.newcomers.close).Stop()
	if err := srv.Shutdown(ctx); err != nil {
		return srv.Close()
	}
	a.sockets.Wait() // bounded by closeWhenStopping
	return nil
}
