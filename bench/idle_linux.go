package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	idleConns   = 10_000
	activeConns = 1_000
	// activeTime is how long the active clients ask.
	activeTime = 3 * time.Second
	// restTime is for lbdev's garbage collector, which the runtime runs when it must, and after two minutes of rest: the figures
	// are those of a program that has not had that rest.
	restTime = time.Second
)

// idle measures what connections cost that do nothing, after each has had an answer, and whether a thousand clients that ask are
// served beside them.
func (b *bench) idle() error {
	c, err := b.up()
	if err != nil {
		return err
	}
	defer c.stop()
	before := c.process.memory("smaps_rollup", "Pss")
	idle, err := openClients(c.front, idleConns)
	defer closeClients(idle)
	if err != nil {
		return err
	}
	if err := pause(b.ctx, restTime); err != nil {
		return err
	}
	after := c.process.memory("smaps_rollup", "Pss")
	active, err := openClients(c.front, activeConns)
	defer closeClients(active)
	if err != nil {
		return err
	}
	r := askAll(active, activeTime)
	lost := 0
	for _, one := range idle {
		if one.ask() != nil {
			lost++
		}
	}
	t := newTable(fmt.Sprintf("Connections: %s idle, each after an answer, and %s that ask one request after the other", thousands(idleConns), thousands(activeConns)),
		"", "PSS", "kB per idle", "GETs/s", "failed", "slowest", "idle ones lost")
	t.row("lbdev", megabytes(after), fmt.Sprintf("%.1f", float64(after-before)/1000/idleConns),
		thousands(int(float64(r.sent.Load())/activeTime.Seconds())), thousands(int(r.failed.Load())), millis(time.Duration(r.slowest.Load())), thousands(lost))
	t.print()
	return nil
}

// A keptClient is one connection that is kept.
type keptClient struct {
	conn net.Conn
	in   *bufio.Reader
}

// openClients opens connections and has each answered once.
func openClients(port, n int) ([]*keptClient, error) {
	var clients []*keptClient
	for len(clients) < n {
		conn, err := net.Dial("tcp", address(port))
		if err != nil {
			return clients, fmt.Errorf("cannot open connection %d: %w", len(clients)+1, err)
		}
		one := &keptClient{conn, bufio.NewReaderSize(conn, 512)}
		clients = append(clients, one)
		if err := one.ask(); err != nil {
			return clients, fmt.Errorf("cannot use connection %d: %w", len(clients), err)
		}
	}
	return clients, nil
}

func closeClients(clients []*keptClient) {
	for _, one := range clients {
		one.conn.Close()
	}
}

func (k *keptClient) ask() error {
	k.conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(k.conn, "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(k.in, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("got %s", resp.Status)
	}
	return nil
}

// An asked is what became of many clients' requests.
type asked struct{ sent, failed, slowest atomic.Int64 }

// askAll has all clients ask at the same time, each one request after the other.
func askAll(clients []*keptClient, d time.Duration) *asked {
	var r asked
	var all sync.WaitGroup
	end := time.Now().Add(d)
	for _, one := range clients {
		all.Go(func() {
			for began := time.Now(); began.Before(end); began = time.Now() {
				r.sent.Add(1)
				if one.ask() != nil {
					r.failed.Add(1)
					return
				}
				took := int64(time.Since(began))
				for had := r.slowest.Load(); took > had && !r.slowest.CompareAndSwap(had, took); had = r.slowest.Load() {
				}
			}
		})
	}
	all.Wait()
	return &r
}
