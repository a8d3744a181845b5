package procs

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// readerBench is a reader in a bubble: net.Pipe has deadlines that follow the bubble's time.
type readerBench struct {
	*reader
	child net.Conn // where the child writes
	begun time.Time
	mu    sync.Mutex
	got   []string // each with the time when it came
}

func newReaderBench() *readerBench {
	ours, child := net.Pipe()
	b := &readerBench{child: child, begun: time.Now()}
	b.reader = newReader(ours, b.output)
	go b.run()
	return b
}

func (b *readerBench) output(lines []Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range lines {
		text := fmt.Sprintf("%v %s", time.Since(b.begun), l.Text)
		if l.Partial {
			text += "~"
		}
		b.got = append(b.got, text)
	}
}

// says writes text after a pause.
func (b *readerBench) says(after time.Duration, text string) {
	time.Sleep(after)
	b.child.Write([]byte(text))
	synctest.Wait()
}

func (b *readerBench) check(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.got, want) {
		t.Errorf("got %q, want %q", b.got, want)
	}
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReaderBench()
		b.says(time.Second, "Name: ")
		time.Sleep(silence + secondLook - time.Millisecond)
		b.check(t)
		time.Sleep(time.Millisecond)
		b.check(t, "1.16s Name: ~")
		b.says(time.Second, "\nnext\n")
		b.says(time.Hour, "last")
		b.child.Close()
		<-b.drained
		b.check(t, "1.16s Name: ~", "2.16s next", "1h0m2.16s last~")
	})
}

// TestSilenceIsOfTheChild: text that comes in pieces is not torn as long as they keep coming.
func TestSilenceIsOfTheChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReaderBench()
		for i := range 5 {
			b.says(100*time.Millisecond, fmt.Sprint(i))
		}
		b.check(t)
		b.says(140*time.Millisecond, "\nab")
		time.Sleep(10 * time.Millisecond) // an alarm set for the line before must not tear this one
		b.check(t, "640ms 01234")
		time.Sleep(140*time.Millisecond + secondLook)
		b.check(t, "640ms 01234", "800ms ab~")
		b.child.Close()
		<-b.drained
	})
}

// TestBulkIsNotTorn: who writes buffers full may pause within a line.
func TestBulkIsNotTorn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newReaderBench()
		long := strings.Repeat("x", bulk)
		b.says(0, long)
		b.says(bulkSilence-time.Millisecond, "\n")
		b.check(t, "1.499s "+long)
		b.says(time.Second, long)
		time.Sleep(bulkSilence + secondLook)
		b.check(t, "1.499s "+long, "4.009s "+long+"~")
		b.child.Close()
		<-b.drained
	})
}

// lateSource gives an expired deadline once before it gives what there is, as it happens when our process gets no time.
type lateSource struct {
	net.Conn
	late int
}

func (s *lateSource) Read(b []byte) (int, error) {
	if s.late++; s.late == 2 {
		time.Sleep(silence)
		return 0, os.ErrDeadlineExceeded
	}
	return s.Conn.Read(b)
}

func TestOurDelayTearsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, child := net.Pipe()
		var got []string
		r := newReader(&lateSource{Conn: ours}, func(lines []Line) {
			for _, l := range lines {
				got = append(got, l.Text)
			}
		})
		go r.run()
		child.Write([]byte("one\ntw"))
		child.Write([]byte("o\n"))
		child.Close()
		<-r.drained
		if want := []string{"one", "two"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// lateRest is the source of a reader that was stopped: an expired deadline comes before what there is.
type lateRest struct{ reads int }

func (s *lateRest) Read(b []byte) (int, error) {
	switch s.reads++; s.reads {
	case 1, 3:
		return 0, os.ErrDeadlineExceeded
	case 2:
		return copy(b, "one\n"), nil
	case 4:
		return copy(b, "two\n"), nil
	}
	return 0, io.EOF
}

func (*lateRest) SetReadDeadline(time.Time) error { return nil }
func (*lateRest) Close() error                    { return nil }

func TestOurDelayLosesNoRest(t *testing.T) {
	var got []string
	r := newReader(&lateRest{}, func(lines []Line) {
		for _, l := range lines {
			got = append(got, l.Text)
		}
	})
	r.over.Store(true)
	r.run()
	if want := []string{"one", "two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSlowOutputTearsNothing: silence counts from when we listen, not from when Output last took our time.
func TestSlowOutputTearsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, child := net.Pipe()
		var got []string
		r := newReader(ours, func(lines []Line) {
			for _, l := range lines {
				got = append(got, l.Text)
			}
			time.Sleep(time.Second)
		})
		go r.run()
		child.Write([]byte("one\ntw"))
		child.Write([]byte("o\nthr"))
		child.Write([]byte("ee\n"))
		child.Close()
		<-r.drained
		if want := []string{"one", "two", "three"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestStop ends a reader whose other end stays open, silent or not.
func TestStop(t *testing.T) {
	for name, text := range map[string]string{"silent": "", "talking": "talk\n", "torn": "talk"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newReaderBench()
				var wg sync.WaitGroup
				wg.Go(func() {
					for {
						if _, err := b.child.Write([]byte(text)); err != nil {
							return // closed by the reader
						}
						time.Sleep(lastSilence * 3 / 2)
						if text == "" {
							return
						}
					}
				})
				time.Sleep(time.Second)
				stopped := time.Now()
				b.stop()
				wg.Wait()
				<-b.drained
				// It goes on for as many reads as it takes from a stranger who keeps talking.
				if took, most := time.Since(stopped), 2*lastSilence; took > most && (text == "" || took > lastReads*most) {
					t.Errorf("took %v", took)
				}
				b.child.Close()
			})
		})
	}
}

const (
	benchWorkers = 4
	benchLines   = 250000 // of each, 60 bytes
)

func benchArgv() []string {
	return misbehave.Argv("lines", strconv.Itoa(benchLines), strings.Repeat("x", 53))
}

// BenchmarkLines has four processes write a million lines, and cat do the same work for comparison.
func BenchmarkLines(b *testing.B) {
	run := func(name string, lines func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				lines(b)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchWorkers*benchLines), "ns/line")
		})
	}
	run("pipe", func(b *testing.B) { benchOurs(b, false) })
	if HasPTY {
		run("pty", func(b *testing.B) { benchOurs(b, true) })
	}
	run("cat", benchCat)
}

func benchOurs(b *testing.B, pty bool) {
	var got atomic.Int64
	var all []*Process
	for range benchWorkers {
		p, err := Start(Config{Argv: benchArgv(), PTY: pty, Output: func(lines []Line) { got.Add(int64(len(lines))) }})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, p)
	}
	for _, p := range all {
		<-p.Drained()
		p.End(b.Context(), os.Kill, 0)
	}
	if got.Load() != benchWorkers*benchLines {
		b.Fatalf("got %d lines", got.Load())
	}
}

func benchCat(b *testing.B) {
	var wg sync.WaitGroup
	for range benchWorkers {
		wg.Go(func() {
			cmd := exec.Command("sh", append([]string{"-c", `"$@" | cat >/dev/null`, "sh"}, benchArgv()...)...)
			if err := cmd.Run(); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}
