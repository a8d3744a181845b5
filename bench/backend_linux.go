package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// backendWord makes this program the backend: `bench backend SOCKET`.
//
// Four workers on two CPUs share them with the front and the load, and most of what is measured then is the kernel
// switching between processes: nginx took 38 µs for a request, and 24 µs with all four ports served by one process. So, for
// the fronts only, each worker opens its port as always and hands the listener to one backend, which answers for all.
const backendWord = "backend"

// backendVar names the backend's socket to the workers.
const backendVar = "BENCH_BACKEND"

// runBackend takes listeners from the workers and serves them until it is killed.
func runBackend(socket string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		return fmt.Errorf("cannot listen for workers: %w", err)
	}
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return fmt.Errorf("cannot accept a worker: %w", err)
		}
		listener, err := receive(conn)
		conn.Close()
		if err != nil {
			return err
		}
		go worker{}.accept(listener)
	}
}

// receive takes the descriptor that handOver sent (unix(7), SCM_RIGHTS).
func receive(conn *net.UnixConn) (net.Listener, error) {
	control := make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 1), control)
	if err != nil {
		return nil, fmt.Errorf("cannot read a worker's message: %w", err)
	}
	messages, err := syscall.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("cannot find a descriptor in a worker's message: %w", err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("cannot find a descriptor in a worker's message: %w", err)
	}
	f := os.NewFile(uintptr(fds[0]), "listener")
	defer f.Close() // FileListener works on a copy
	return net.FileListener(f)
}

// handOver sends l to the backend and keeps it open until a signal comes, so that the port is this process's too.
func handOver(l *net.TCPListener, socket string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket})
	if err != nil {
		return fmt.Errorf("cannot reach the backend: %w", err)
	}
	f, err := l.File()
	if err != nil {
		return fmt.Errorf("cannot hand the port over: %w", err)
	}
	_, _, err = conn.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(f.Fd())), nil)
	f.Close()
	conn.Close()
	if err != nil {
		return fmt.Errorf("cannot hand the port over: %w", err)
	}
	<-ctx.Done()
	return l.Close()
}

// startBackend starts the backend and returns what its workers need in their environment.
func (b *bench) startBackend() (p *process, env string, err error) {
	socket := filepath.Join(b.dir, "backend.sock")
	os.Remove(socket) // of the backend before, which was killed; there may have been none
	if p, err = launch(nil, nil, b.self, backendWord, socket); err != nil {
		return nil, "", err
	}
	listens := func() bool { _, err := os.Stat(socket); return err == nil }
	if err := p.until(b.ctx, 10*time.Second, "waiting for the backend", listens); err != nil {
		p.stop()
		return nil, "", err
	}
	return p, backendVar + "=" + socket, nil
}
