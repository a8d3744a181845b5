package logfile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// open runs a cluster whose output goes to b's files, until the test ends. Its feeds take the place of b's.
func (b *bench) open(config cluster.Config) *cluster.Cluster {
	b.Helper()
	for range 100 {
		config.BasePort = 13000 + rand.IntN(900) // other packages' tests, which run at the same time, have other ranges
		config.Listen = fmt.Sprintf("127.0.0.1:%d", config.BasePort+20)
		c, err := cluster.New(config)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Open(); err != nil {
			if _, taken := errors.AsType[*cluster.PortTakenError](err); taken {
				continue
			}
			b.Fatal(err)
		}
		b.files.Follow(c.Logs(), c.Events())
		b.Cleanup(func() { c.Shutdown(context.Background()) })
		return c
	}
	b.Fatal("found no free ports")
	return nil
}

// TestNoLineIsLost has 4 real processes that write 50,000 lines each as fast as they can, into files that are rotated.
func TestNoLineIsLost(t *testing.T) {
	const lines = 50_000
	b := newBench(t, Config{MaxSize: 300_000, Backups: -1, Compress: true})
	began := time.Now()
	c := b.open(cluster.Config{Command: misbehave.Argv("lines", fmt.Sprint(lines)), Restart: cluster.RestartNever})
	select {
	case <-c.Over():
	case <-time.After(4 * patience):
		t.Fatal("the processes did not end")
	}
	c.Shutdown(context.Background())
	b.close()
	t.Logf("%d lines in %v", 4*lines, time.Since(began))
	for _, port := range c.Ports() {
		texts := b.texts(workerFile(port))
		next := 1
		var facts []string
		for _, text := range texts {
			switch {
			case strings.HasPrefix(text, "lbdev: "):
				facts = append(facts, text)
			case text != fmt.Sprintf("| line %d", next):
				t.Fatalf("%d: line %d is %q", port, next, text)
			default:
				next++
			}
		}
		if next != lines+1 {
			t.Errorf("%d: %d lines are in the files, want %d", port, next-1, lines)
		}
		// That the end comes last is not asked: the cluster waits 100 ms for last words, and here they take longer.
		if len(facts) < 2 || !strings.Contains(strings.Join(facts, "\n"), "lbdev: stopped pid ") {
			t.Errorf("%d: the supervisor said %q", port, facts)
		}
	}
	if w := b.warnings(); len(w) > 0 {
		t.Errorf("warned of %v", w)
	}
}

// TestKilledInMidLine has workers that are killed while they write, and start again.
func TestKilledInMidLine(t *testing.T) {
	b := newBench(t, Config{MaxSize: 1 << 20, Backups: -1})
	c := b.open(cluster.Config{Command: misbehave.Argv("words", "60000", "half a line"), Workers: 1, Ready: cluster.ReadyTCP, StopTimeout: -1})
	name := workerFile(c.Ports()[0])
	for i := range 3 {
		b.await(name, fmt.Sprintf("(incarnation %d)", i+1))
		for deadline := time.Now().Add(patience); strings.Count(strings.Join(b.texts(name), "\n"), "| half a line") <= i; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the half line never came: %q", b.texts(name))
			}
		}
		if err := c.Kill(1); err != nil {
			t.Fatal(err)
		}
	}
	c.Shutdown(context.Background())
	b.close()
	halves, deaths := 0, 0
	for _, text := range b.texts(name) {
		switch {
		case text == "| half a line":
			halves++
		case strings.HasPrefix(text, "| "):
			t.Errorf("there is the line %q", text)
		case strings.Contains(text, "killed by SIGKILL"):
			deaths++
			if halves < deaths {
				t.Errorf("death %d is told before its last words", deaths)
			}
		}
	}
	if halves < 3 || deaths < 3 {
		t.Errorf("%d half lines and %d deaths, want 3 of each:\n%s", halves, deaths, strings.Join(b.texts(name), "\n"))
	}
}

// TestScale adds workers, which get files, and takes them away, whose files are let go.
func TestScale(t *testing.T) {
	b := newBench(t, Config{})
	before := len(openFiles(t))
	c := b.open(cluster.Config{Command: misbehave.Argv("serve"), Workers: 1})
	ports := c.Ports()
	b.await(workerFile(ports[0]), "lbdev: ready pid ")
	if err := c.Scale(context.Background(), 3, nil); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 3; i++ {
		b.await(workerFile(ports[0]+i), "lbdev: ready pid ")
	}
	if err := c.Scale(context.Background(), 1, nil); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < 3; i++ {
		b.await(workerFile(ports[0]+i), "lbdev: stopped pid ")
	}
	b.awaitOpen(ports[0]) // only the first has its file open
	c.Shutdown(context.Background())
	b.close()
	if after := len(openFiles(t)); after > before {
		t.Errorf("%d log files are open, %d were", after, before)
	}
}

// awaitOpen waits until the log of this worker is the only one that is open.
func (b *bench) awaitOpen(port int) {
	b.Helper()
	var open []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if open = openFiles(b.T); len(open) == 0 || len(open) == 1 && strings.HasSuffix(open[0], workerFile(port)) {
			return
		}
	}
	b.Errorf("these logs are open: %q", open)
}
