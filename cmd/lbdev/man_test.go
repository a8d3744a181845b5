//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

// bold matches what mandoc (a letter twice, with a backspace) and a terminal (a sequence) make bold or italic.
var bold = regexp.MustCompile(`.\x08|\x1b\[[0-9;]*m`)

// manPage is what lbdev man prints into a pipe.
func manPage(t *testing.T) string {
	t.Helper()
	cmd, _ := lbdevCommand(t, "man")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestManHasEverything holds that the page, in both forms, has its sections, every command and flag, and nothing hidden.
func TestManHasEverything(t *testing.T) {
	app := newApp(os.Stdout, os.Stderr)
	app.Setup()
	page := manPage(t)
	text := manualOf(app).text(look{signs: asciiSigns})
	for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"} {
		if strings.Count(page, "\n.SH "+section+"\n") != 1 || !strings.HasPrefix(text, section+"\n") && !strings.Contains(text, "\n\n"+section+"\n") {
			t.Errorf("section %s is not there once", section)
		}
	}
	for _, c := range app.Commands {
		there := strings.Contains(page, "\n.SS lbdev "+c.Name+" ") || strings.Contains(page, "\n.SS lbdev "+c.Name+"\n")
		if want := !c.Hidden && c.Name != "help"; there != want {
			t.Errorf("that there is a command %s is told: %v, want %v", c.Name, there, want)
		}
		for _, f := range c.Flags {
			name := f.Names()[0]
			if !c.Hidden && (!strings.Contains(page, `\fB\-\-`+roffEscape(name)+`\fR`) || !strings.Contains(text, "--"+name)) {
				t.Errorf("there is no flag --%s of %s", name, c.Name)
			}
		}
	}
	for _, want := range []string{"-n, --workers N\n", "(default: 4)", "(default: 1m)", "Variable: LBDEV_HOLD.", "NO_COLOR", "FORCE_COLOR",
		"LBDEV_NAME", "lbdev.yaml", "$XDG_RUNTIME_DIR/lbdev/", "126\n", "python manage.py runserver"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text has no %q", want)
		}
	}
	if i := strings.IndexFunc(page+text, func(r rune) bool { return r > 126 || r < 32 && r != '\n' }); i >= 0 {
		t.Errorf("there is a character beyond ASCII: %q", (page + text)[i:i+10])
	}
}

// TestManIsAManPage has mandoc look for faults, in this page and in one whose texts try to be requests.
func TestManIsAManPage(t *testing.T) {
	odd := &cli.App{Name: "lbdev", Usage: "odd", Commands: []*cli.Command{{
		Name: "odd", Usage: ".sp is no request, and 'nor is this", ArgsUsage: `A\B "quoted"`, UsageText: "",
		Description: ".first\n\n'second `open\n\n  table  of\n\n.  it\n\nback\\slash ~^ ☃ *glob*",
		Flags:       []cli.Flag{&cli.StringFlag{Name: "x", Usage: ".TP **/*.py `OPEN"}, &cli.StringFlag{Name: "hidden", Hidden: true}},
	}}}
	for name, page := range map[string]string{"lbdev": manPage(t), "odd": manualOf(odd).roff("1.0 \"x\"", time.Unix(0, 0))} {
		cmd := exec.Command("mandoc", "-Tlint", "-Wstyle")
		cmd.Stdin = strings.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		cmd = exec.Command("mandoc", "-Tutf8")
		cmd.Stdin = strings.NewReader(page)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		shown := bold.ReplaceAllString(string(out), "")
		for _, want := range map[string][]string{
			"lbdev": {"lbdev - run several copies", "lbdev up [flags] [--] COMMAND", `echo 'eval "$(lbdev completion bash)"' >> ~/.bashrc`},
			"odd":   {`lbdev odd [flags] A\B "quoted"`, ".sp is no request", ".first", "'second", ".  it", `back\slash ~^ ☃ *glob*`, ".TP **/*.py"},
		}[name] {
			if !strings.Contains(shown, want) {
				t.Errorf("%s: the page does not show %q\n%s", name, want, shown)
			}
		}
		if strings.Contains(shown, "hidden") {
			t.Errorf("%s shows what is hidden", name)
		}
	}
}

// TestManOnATerminal wants it readable: by man(1), and without it.
func TestManOnATerminal(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	alone := t.TempDir()
	if err := os.Symlink(self, filepath.Join(alone, "lbdev")); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"man": os.Getenv("PATH"), "no man": alone} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			cmd, _ := lbdevCommand(t, "man")
			cmd.SysProcAttr = nil
			cmd.Env = append(cmd.Env, "PATH="+path, "TERM=xterm", "MANPAGER=cat", "PAGER=cat", "LC_ALL=C.UTF-8", "MANWIDTH=80", "NO_COLOR=1", "TMPDIR="+temp)
			screen := startOnTerminal(t, cmd)
			screen.await("lbdev starts several copies")
			screen.await("127.0.0.1:{port}")
			screen.await("./server --port {port}")
			if err := cmd.Wait(); err != nil {
				t.Errorf("lbdev man: %v", err)
			}
			byMan := strings.Contains(screen.seen(), "User Commands") // the head of the page
			if byMan != (name == "man") || strings.Contains(screen.seen(), ".SH") {
				t.Errorf("it was shown by man(1): %v\n%s", byMan, screen.seen())
			}
			if left, _ := os.ReadDir(temp); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
}

// TestManText looks at the width of the text and at what is bold.
func TestManText(t *testing.T) {
	m := &manual{}
	m.section("HEAD")
	m.para(typed("Some *typed words* and `PLACE`holders, " + strings.Repeat("many ", 30)))
	m.item(typed("*--flag* `N`"), "what it is…")
	text := m.text(look{signs: unicodeSigns, width: 40, tty: true, colour: true})
	for _, want := range []string{"\x1b[1mHEAD", "\x1b[1mtyped", "PLACEholders", "\x1b[1m--flag", "it is…"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%q", want, text)
		}
	}
	for line := range strings.Lines(bold.ReplaceAllString(text, "")) {
		if len(line) > 44 { // 40 columns, a newline, and the bytes of …
			t.Errorf("the line %q is too wide", line)
		}
	}
}
