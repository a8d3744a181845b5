package procs

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/procs/misbehave"
)

const (
	hasMarks   = true
	diesWithUs = true
)

func TestParseStat(t *testing.T) {
	tail := " 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 THREADS 0 4711 1000 2000\n"
	stat := func(head, threads string) []byte { return []byte(head + strings.Replace(tail, "THREADS", threads, 1)) }
	tests := []struct {
		name string
		in   []byte
		want proc
		ok   bool
	}{
		{"running", stat("12 (sh) R 1 10 9", "1"), proc{12, 1, 10, 9, 4711, true, false, false}, true},
		{"odd name", stat("12 (a) R (b) c) S 1 10 9", "1"), proc{12, 1, 10, 9, 4711, true, false, false}, true},
		{"stopped", stat("12 (sh) T 1 10 9", "1"), proc{12, 1, 10, 9, 4711, true, true, true}, true},
		{"in a system call", stat("12 (sh) D 1 10 9", "1"), proc{12, 1, 10, 9, 4711, true, false, true}, true},
		{"debugged", stat("12 (sh) t 1 10 9", "1"), proc{12, 1, 10, 9, 4711, true, false, true}, true},
		{"zombie", stat("12 (sh) Z 1 10 9", "1"), proc{12, 1, 10, 9, 4711, false, false, true}, true},
		{"first thread ended", stat("12 (sh) Z 1 10 9", "3"), proc{12, 1, 10, 9, 4711, true, false, true}, true},
		{"empty", nil, proc{}, false},
		{"torn", []byte("12 (sh"), proc{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := parseStat(12, tt.in); got != tt.want || ok != tt.ok {
				t.Errorf("got %+v, %v", got, ok)
			}
		})
	}
	me, ok := look(os.Getpid())
	if !ok || me.ppid != os.Getppid() || !me.alive || me.start == 0 {
		t.Errorf("ourselves: got %+v", me)
	}
}

// TestMarks: what is part of an outer tree stays part of it.
func TestMarks(t *testing.T) {
	c := startConfig(t, Config{Argv: misbehave.Argv("report"), Env: []string{markName + "=outer"}})
	c.await("the end of output", c.Drained())
	want := "env " + markName + "=outer," + OurMark() + "," + string(c.group.mark)
	if !slices.Contains(c.said(), want) {
		t.Errorf("no %q in %q", want, c.said())
	}
}

// TestMarkedAcrossReads has a mark lie where two reads of the environment meet.
func TestMarkedAcrossReads(t *testing.T) {
	for pad := 16<<10 - 80; pad < 16<<10+10; pad += 7 {
		c := startConfig(t, Config{Argv: misbehave.Argv("wait"), Env: []string{"PAD=" + strings.Repeat("x", pad)}})
		c.awaitLine("up", 1)
		if yes, _ := marked(c.Pid(), c.group.mark); !yes {
			t.Errorf("not found behind %d bytes", pad)
		}
		if yes, sure := marked(c.Pid(), []byte("another mark")); yes || !sure {
			t.Error("found what is not there")
		}
	}
}

func BenchmarkScan(b *testing.B) {
	p, err := Start(Config{Argv: misbehave.Argv("wait")})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if len(p.Tree()) != 1 {
			b.Fatal("no tree")
		}
	}
	all, _ := snapshot()
	b.ReportMetric(float64(len(all)), "processes")
	p.End(b.Context(), os.Kill, 0)
	<-p.Drained()
}

// isDeaf says whether a guardian has come so far that it ignores signals; until then it can only be replaced.
func isDeaf(pid int) bool {
	name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return string(name) == guardianWord+"\n"
}
