//go:build linux

package clients

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A block is one of the tutorial's fenced blocks: what stands behind ```, and its text.
type block struct {
	language, use, value string // ```sh terminal=1 is sh, terminal, 1
	text                 string
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*) ?([a-z]*)=?([^\n]*)\n(.*?)^```$")

// tutorial is docs/tutorial.md, with other ports: somebody may use those.
func tutorial(t *testing.T, base, front int) []block {
	t.Helper()
	page, err := os.ReadFile("../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for i := range 4 {
		pairs = append(pairs, strconv.Itoa(8000+i), strconv.Itoa(base+i))
	}
	pairs = append(pairs, "8080", strconv.Itoa(front))
	var blocks []block
	for _, m := range fence.FindAllStringSubmatch(string(page), -1) {
		blocks = append(blocks, block{m[1], m[2], m[3], strings.NewReplacer(pairs...).Replace(m[4])})
	}
	return blocks
}

// A desk has the reader's terminals.
type desk struct {
	*testing.T
	dir       string
	env       []string
	terminals map[string]*exec.Cmd
	outputs   map[string]*buffer
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, dir: t.TempDir(), terminals: map[string]*exec.Cmd{}, outputs: map[string]*buffer{}}
	bin := filepath.Join(d.dir, "bin") // with python3 for Debian's, whatever else is called so here
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"python3": python, "lbdev": program} {
		if err := os.Symlink(target, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	d.env = append(os.Environ(), "PATH="+bin+":/usr/sbin:"+os.Getenv("PATH"), "XDG_RUNTIME_DIR="+t.TempDir(), "PYTHONDONTWRITEBYTECODE=1")
	t.Cleanup(func() {
		for name, output := range d.outputs {
			if t.Failed() {
				t.Logf("terminal %s:\n%s", name, output)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(d.terminals)) {
			d.ctrlC(name)
		}
	})
	return d
}

// types runs lines one after the other in a shell; what cd leads to counts for the next ones.
func (d *desk) types(lines string) (output string) {
	d.Helper()
	for line := range strings.Lines(lines) {
		if dir, ok := strings.CutPrefix(strings.TrimSpace(line), "cd "); ok {
			d.dir = filepath.Join(d.dir, dir)
			continue
		}
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir, cmd.Env = d.dir, d.env
		out, err := cmd.CombinedOutput()
		if err != nil {
			d.Fatalf("%s: %v\n%s", line, err, out)
		}
		output += string(out)
	}
	return output
}

// begins runs a line in a terminal of its own.
func (d *desk) begins(terminal, line string) {
	d.Helper()
	cmd := exec.Command("sh", "-c", "exec "+line)
	d.outputs[terminal] = &buffer{}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = d.dir, d.env, d.outputs[terminal], d.outputs[terminal]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		d.Fatal(err)
	}
	d.terminals[terminal] = cmd
}

// ctrlC is for all that runs in a terminal.
func (d *desk) ctrlC(terminal string) {
	d.Helper()
	cmd := d.terminals[terminal]
	delete(d.terminals, terminal)
	syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	end := time.AfterFunc(patience, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	cmd.Wait()
	if !end.Stop() {
		d.Errorf("terminal %s took no Ctrl-C:\n%s", terminal, d.outputs[terminal])
	}
}

var servedBy = regexp.MustCompile(`served by port (\d+)`)

// ports are those of the pages in what curl printed.
func portsIn(output string) (ports []int) {
	for _, m := range servedBy.FindAllStringSubmatch(output, -1) {
		port, _ := strconv.Atoi(m[1])
		ports = append(ports, port)
	}
	return ports
}

// TestTutorialByHand does what the page has its reader do by hand, line by line, with nginx.
func TestTutorialByHand(t *testing.T) {
	t.Parallel()
	base := freePorts(t, 5)
	d := newDesk(t)
	curls := 0
	for _, b := range tutorial(t, base, base+4) {
		switch {
		case b.use == "file":
			if err := os.WriteFile(filepath.Join(d.dir, b.value), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		case b.use == "terminal":
			d.begins(b.value, strings.TrimSpace(b.text))
			if b.value == "5" {
				d.until(base + 4)
			} else if port, err := strconv.Atoi(strings.Fields(b.text)[3]); err == nil {
				d.until(port)
			}
		case b.use == "hand" || b.language == "sh" && b.use == "":
			if strings.Contains(b.text, "curl") {
				curls++
				d.curls(curls, base, b.text)
				continue
			}
			d.types(b.text)
		}
	}
	if curls != 3 {
		t.Errorf("the page has %d blocks with curl, want 3", curls)
	}
	d.begins("3", fmt.Sprintf("python3 manage.py runserver %d --noreload", base+2)) // as step 9 says in words
	d.until(base + 2)
	eventually(t, "8002 has its turn back", func() bool {
		return slices.Contains(portsIn(d.types(fmt.Sprintf("curl -sS http://127.0.0.1:%d/", base+4))), base+2)
	})
}

// curls is what the page has its reader ask for: the one server, the four, and three of them when 8002 is stopped.
func (d *desk) curls(turn, base int, text string) {
	d.Helper()
	all := []int{base, base + 1, base + 2, base + 3}
	switch turn {
	case 1:
		if got := portsIn(d.types(text)); !slices.Equal(got, all[:1]) {
			d.Errorf("the one server: %v", got)
		}
		d.ctrlC("0")
	case 2:
		if got := portsIn(d.types(text)); !slices.Equal(slices.Sorted(slices.Values(got)), all) {
			d.Errorf("four servers: %v, want %v in some order", got, all)
		}
	case 3:
		d.ctrlC("3")
		got := portsIn(d.types(text))
		if len(got) != 6 || slices.Contains(got, base+2) {
			d.Errorf("without 8002: %v", got)
		}
	}
}

// until waits until somebody listens. It asks by connecting: who tries to listen takes the port from who is about to.
func (d *desk) until(port int) {
	d.Helper()
	eventually(d.T, fmt.Sprintf("somebody listens on %d", port), func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// TestTutorialWithLbdev does what stands beside it.
func TestTutorialWithLbdev(t *testing.T) {
	t.Parallel()
	base := freePorts(t, 5)
	d := newDesk(t)
	var typed, exported string
	up := fmt.Sprintf(" --base-port %d --listen %d ", base, base+4)
	for _, b := range tutorial(t, base, base+4) {
		switch {
		case b.use == "file" && b.value == "nginx.conf":
			typed = b.text
		case b.use == "file":
			if err := os.WriteFile(filepath.Join(d.dir, b.value), []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
		case b.language == "sh" && b.use == "":
			d.types(b.text)
		case b.use == "lbdev" && b.value == "up":
			d.begins("lbdev", strings.Replace(strings.TrimSpace(b.text), " up ", " up"+up, 1))
			d.types("lbdev wait")
			var got []int
			for range 8 {
				got = append(got, portsIn(d.types(fmt.Sprintf("curl -sS http://127.0.0.1:%d/", base+4)))...)
			}
			for i := range got {
				if got[i] != base+(got[0]-base+i)%4 {
					t.Errorf("not in turn: %v", got)
				}
			}
		case b.use == "lbdev" && strings.Contains(b.text, "export"):
			exported = d.types(strings.Replace(b.text, " nginx ", " nginx"+up, 1))
		case b.use == "lbdev":
			d.types(b.text)
		}
	}
	for range 8 {
		d.types(fmt.Sprintf("curl -fsS http://127.0.0.1:%d/", base+4))
	}
	for line := range strings.Lines(typed) {
		if line = strings.TrimSpace(line); line != "" && !slices.ContainsFunc(slices.Collect(strings.Lines(exported)), func(l string) bool { return strings.TrimSpace(l) == line }) {
			t.Errorf("lbdev export nginx does not have this line of the page: %s\n%s", line, exported)
		}
	}
	d.ctrlC("lbdev")
	if !allFree(base, 5) {
		t.Error("ports are still in use")
	}
}
