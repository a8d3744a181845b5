//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A shellTerminal is an interactive shell.
type shellTerminal struct {
	*terminal
	seenTo int // what was on the screen before the last line
}

// file writes a file that is gone after the test.
func (c *completionTest) file(t *testing.T, text, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// shell starts a shell on a terminal and waits for its prompt. env is added to its environment.
func (c *completionTest) shell(t *testing.T, env []string, name string, args ...string) *shellTerminal {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd := c.command(path, args...)
	cmd.Env = append(cmd.Env, env...)
	s := &shellTerminal{terminal: startOnTerminal(t, cmd)}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	s.awaitNew("ready> ")
	return s
}

func (s *shellTerminal) send(text string) {
	s.Helper()
	s.seenTo = len(s.seen())
	if _, err := s.file.WriteString(text); err != nil {
		s.Fatal(err)
	}
}

// awaitNew waits for a text that comes after what was last sent, without the sequences that move the cursor and paint.
func (s *shellTerminal) awaitNew(text string) {
	s.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if strings.Contains(withoutEscapes(s.seen()[s.seenTo:]), text) {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("waited in vain for %q; the terminal shows\n%q", text, withoutEscapes(s.seen()[s.seenTo:]))
		}
	}
}

// wantLine types keys and wants the line that comes of them. To read the line as the shell has it, whatever it has drawn, a
// printf is put before it: Ctrl-A goes to its start.
func (s *shellTerminal) wantLine(keys, want string) {
	s.Helper()
	s.send(keys)
	s.send("\x01printf '<%s>' \x05.\r")
	words := shellWords(want + ".")
	s.awaitNew("<" + strings.Join(words, "><") + ">")
	s.awaitNew("ready> ")
}

// list types keys and wants to see what is listed then, and clears the line.
func (s *shellTerminal) list(keys string, want ...string) {
	s.Helper()
	s.send(keys)
	for _, text := range want {
		s.awaitNew(text)
	}
	s.send("\x15\r")
	s.awaitNew("ready> ")
}

// shellWords cuts a line as a shell does, which knows ' and \.
func shellWords(line string) []string {
	var words []string
	word, quoted := "", false
	for i := 0; i < len(line); i++ {
		switch ch := line[i]; {
		case ch == '\'':
			quoted = !quoted
		case ch == '\\' && !quoted:
			i++
			word += line[i : i+1]
		case ch == ' ' && !quoted:
			words, word = append(words, word), ""
		default:
			word += line[i : i+1]
		}
	}
	return append(words, word)
}

// withoutEscapes is what a terminal shows, without what paints it and moves the cursor.
func withoutEscapes(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != 0x1b {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == '[' {
			for i += 2; i < len(text) && (text[i] < 0x40 || text[i] > 0x7e); i++ {
			}
			continue
		}
		i++
	}
	return b.String()
}
