//go:build unix

package fronts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs"
)

// TestAsk: what a program says, what it says when it fails, and that it has no terminal to ask for a password at.
func TestAsk(t *testing.T) {
	out, said, err := ask(t.Context(), t.TempDir(), os.Environ(), "/bin/sh", "-c", "echo yes; echo but >&2")
	if out != "yes\n" || said != "but\n" || err != nil {
		t.Errorf("%q, %q, %v", out, said, err)
	}
	_, _, err = ask(t.Context(), "", nil, "/bin/sh", "-c", "for i in 1 2 3 4 5 6; do echo line $i >&2; done; exit 3")
	if err == nil || err.Error() != "line 2\nline 3\nline 4\nline 5\nline 6" {
		t.Errorf("%v", err)
	}
	if _, _, err = ask(t.Context(), "", nil, "/bin/sh", "-c", "exit 3"); err == nil || err.Error() != "exit status 3" {
		t.Errorf("%v", err)
	}
	out, _, err = ask(t.Context(), "", nil, "/bin/sh", "-c", "sleep 100 & echo $!") // which holds the output
	if err != nil {
		t.Errorf("%q, %v", out, err)
	}
	awaitNoProcess(t, strings.TrimSpace(out))
	if out, _, err = ask(t.Context(), "", nil, "/bin/sh", "-c", "( : </dev/tty ) 2>/dev/null || echo no terminal"); out != "no terminal\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

// TestAskOfWhatHangs: each question that a program does not answer ends, says what hung, and leaves none of its processes behind; the
// program before it, and its files, are as they were.
func TestAskOfWhatHangs(t *testing.T) {
	for name, question := range map[string]string{"nginx": "-t", "haproxy": "-c", "apache": "-t", "caddy": "adapt"} {
		for _, question := range map[bool][]string{true: {question, "-l"}, false: {question}}[name == "apache"] {
			t.Run(name+" "+question, func(t *testing.T) {
				t.Parallel()
				s := stageOf(t, name)
				if _, err := s.Follow(t.Context(), s.cluster); err != nil {
					t.Fatal(err)
				}
				pids := filepath.Join(t.TempDir(), "pids")
				own := s.config.Program.Path
				s.config.Program.Path = script(t, `for arg; do
	if [ "$arg" = '`+question+`' ]; then sleep 100 & echo $$ $! >'`+pids+`'; wait; fi
done
exec '`+own+`' "$@"`)
				ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errors.New("it was enough"))
				defer cancel()
				less := s.cluster
				less.Workers = less.Workers[:1]
				_, err := s.Follow(ctx, less)
				if err == nil || !strings.Contains(err.Error(), "/program "+question+" ") || !strings.HasSuffix(err.Error(), " was killed: it was enough") {
					t.Errorf("%v", err)
				}
				for pid := range strings.FieldsSeq(read(t, pids)) {
					awaitNoProcess(t, pid)
				}
				s.ask()
				s.config.Program.Path = own
				if _, err := s.Follow(t.Context(), less); err != nil {
					t.Errorf("afterwards: %v", err)
				}
				s.ask()
			})
		}
	}
}

func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func awaitNoProcess(t *testing.T, text string) {
	t.Helper()
	pid, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); procs.Exists(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is left", pid)
		}
	}
}
