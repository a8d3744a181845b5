package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/config"
)

// inFolder runs lbdev in a folder with files, and returns what it prints.
func inFolder(t *testing.T, files map[string]string, args ...string) (stdout string, code int) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return captured(t, args...)
}

// captured runs lbdev here.
func captured(t *testing.T, args ...string) (stdout string, code int) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	code = run(append([]string{"lbdev"}, args...), out, out)
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), code
}

const shopFile = `command: python manage.py runserver
workers: 3
policy: least-conn
hold: 1m
listen: [8080, "127.0.0.1:8081"]
env:
  SECRET_KEY: abc
  DB: postgres://joe:pass@host/db
  SHARED: file
  MODE: file
`

// TestPrintConfig holds that each value says where it came from, and that secrets stay.
func TestPrintConfig(t *testing.T) {
	t.Setenv("LBDEV_POLICY", "random")
	t.Setenv("LBDEV_RESTART", "never")
	t.Setenv("LBDEV_WATCH", "*.py")
	got, code := inFolder(t, map[string]string{"lbdev.yaml": shopFile}, "up", "-n", "2", "--restart", "never", "-e", "MODE=flag", "--print-config")
	if code != 0 {
		t.Fatal(got)
	}
	for _, want := range []string{
		`command: \[python, manage.py, runserver, "127.0.0.1:\{port\}", --noreload\]  # lbdev.yaml:1, port added`,
		`workers: 2 +# --workers`, `policy: random +# LBDEV_POLICY`, `restart: never +# --restart`, `hold: 1m +# lbdev.yaml:4`,
		`listen: \["8080", 127.0.0.1:8081\] +# lbdev.yaml:5`, `watch: \["\*.py"\] +# LBDEV_WATCH`, `mode: http +# default`,
		`  SECRET_KEY: "\*\*\*" +# lbdev.yaml:7, hidden`, `  DB: "postgres://\*\*\*@host/db" +# lbdev.yaml:8, hidden`,
		`  SHARED: file +# lbdev.yaml:9`, `  MODE: flag +# --env`, `# base-port: +# default: 8000, or the next free block`, `# health-interval: +# default: 5s`,
	} {
		if !regexp.MustCompile("(?m)^" + want).MatchString(got) {
			t.Errorf("there is no %s in\n%s", want, got)
		}
	}
	for _, secret := range []string{"abc", "joe", "pass"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

// TestPrintConfigHidesSecrets holds that arguments and paths show no more than an export does.
func TestPrintConfigHidesSecrets(t *testing.T) {
	args := []string{"up", "--print-config", "--ready-path", "/up?token=hunter2", "--", "./server", "--password", "hunter2", "--token=hunter2", "-d", "postgres://joe:hunter2@db/x"}
	for _, more := range [][]string{nil, {"--json"}} {
		got, code := inFolder(t, nil, slices.Insert(slices.Clone(args), 2, more...)...)
		if code != 0 || strings.Contains(got, "hunter2") || strings.Count(got, ", hidden") != 2 || !strings.Contains(got, "/up?token=***") {
			t.Errorf("exit code %d:\n%s", code, got)
		}
	}
}

// TestCommandVariables holds that the value of a secret variable in the file's command is neither shown nor exported.
func TestCommandVariables(t *testing.T) {
	t.Setenv("LBDEV_TEST_TOKEN", "hunter2")
	t.Setenv("LBDEV_TEST_MODE", "fast")
	files := map[string]string{"lbdev.yaml": "command: ./server $LBDEV_TEST_TOKEN $LBDEV_TEST_MODE {port}\n"}
	for _, args := range [][]string{{"up", "--print-config"}, {"export", "procfile"}, {"export", "compose"}} {
		got, code := inFolder(t, files, args...)
		if code != 0 || strings.Contains(got, "hunter2") || !strings.Contains(got, "***") || !strings.Contains(got, "fast") {
			t.Errorf("%v: exit code %d:\n%s", args, code, got)
		}
	}
}

// TestPrintConfigEnvFile holds that a preset's variable is not shown where the env file has another value, which counts.
func TestPrintConfigEnvFile(t *testing.T) {
	config := t.TempDir()
	preset := filepath.Join(config, "lbdev", "presets", "shop.yaml")
	if err := os.MkdirAll(filepath.Dir(preset), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "order: 1\nname: shop\ntitle: shop\nrun: [{command: ./server}]\nenv: {LBDEV_TEST_A: preset, LBDEV_TEST_B: preset, LBDEV_TEST_C: 'preset {port}'}\n"
	if err := os.WriteFile(preset, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("AppData", config) // of Windows
	got, code := inFolder(t, map[string]string{"vars": "LBDEV_TEST_A=file\nLBDEV_TEST_C=file\n"}, "up", "--print-config", "--preset", "shop", "--env-file", "vars")
	if code != 0 || strings.Contains(got, "LBDEV_TEST_A") || !strings.Contains(got, "LBDEV_TEST_B: preset") || !strings.Contains(got, "LBDEV_TEST_C: \"preset {port}\"") {
		t.Errorf("exit code %d:\n%s", code, got)
	}
}

// TestPrintConfigIsAFile holds that what is printed can be used, and means the same.
func TestPrintConfigIsAFile(t *testing.T) {
	for name, args := range map[string][]string{
		"few":     {"--", "sleep", "1"},
		"sample":  {"-f", "lbdev.yaml", "--mode", "tcp"},
		"certain": {"--tls", "--max-body", "10MB", "--health-path", "/up", "--weight", "1=3", "--backup", "2", "--sticky", "off", "--ready-path", "/x", "--", "node", "it's.js"},
		"odd":     {"-e", "A=a: b #c", "-e", "B= x ", "-e", "C=ä\"'", "--access-log", "-", "--", "sh", "-c", "echo \"$PORT\" | cat\n", "", "*", "&x", "- y"},
	} {
		t.Run(name, func(t *testing.T) {
			printed, code := inFolder(t, map[string]string{"lbdev.yaml": "command: [sleep, '2']\nready-timeout: 90s\n"}, append([]string{"up", "--print-config"}, args...)...)
			if code != 0 {
				t.Fatal(printed)
			}
			if _, err := config.Parse("printed.yaml", []byte(printed)); err != nil {
				t.Fatalf("%v\n%s", err, printed)
			}
			if err := os.WriteFile("printed.yaml", []byte(printed), 0o644); err != nil {
				t.Fatal(err)
			}
			again, code := captured(t, "up", "-f", "printed.yaml", "--print-config")
			if a, b := withoutSources(printed), withoutSources(again); a != b || code != 0 {
				t.Errorf("printed\n%s\nand with that file\n%s", a, b)
			}
		})
	}
}

// withoutSources are the values alone.
func withoutSources(text string) string {
	return regexp.MustCompile(`(?m) +# [^"\n]*$`).ReplaceAllString(text, "")
}

func TestPrintConfigJSON(t *testing.T) {
	got, code := inFolder(t, map[string]string{"lbdev.yaml": shopFile}, "up", "--json", "--print-config")
	var all map[string]struct {
		Value  any
		Source string
	}
	if err := json.Unmarshal([]byte(got), &all); err != nil || code != 0 {
		t.Fatalf("%v: %s", err, got)
	}
	if len(all) != len(config.Keys()) {
		t.Errorf("there are %d keys, and %d settings", len(config.Keys()), len(all))
	}
	if s := all["workers"]; s.Value != 3.0 || s.Source != "lbdev.yaml:2" {
		t.Errorf("workers is %v", s)
	}
	if s := all["env"].Value.(map[string]any)["SECRET_KEY"].(map[string]any); s["value"] != "***" || s["source"] != "lbdev.yaml:7, hidden" {
		t.Errorf("SECRET_KEY is %v", s)
	}
	if s := all["base-port"]; s.Value != nil || s.Source != "default" {
		t.Errorf("base-port is %v", s)
	}
	if s := all["json"]; s.Value != true || s.Source != "--json" {
		t.Errorf("json is %v", s)
	}
}

// TestPrintConfigRefuses holds that a broken file is as broken as for a start.
func TestPrintConfigRefuses(t *testing.T) {
	got, code := inFolder(t, map[string]string{"lbdev.yaml": "command: [a]\nwokers: 3\nhold: 5\n"}, "up", "--print-config")
	if code != exitConfig || !strings.Contains(got, "lbdev.yaml:2:1: wokers is no key; did you mean workers?") || !strings.Contains(got, "lbdev.yaml:3:7: hold: 5 is no time: it has no unit; hold: 5s ?") {
		t.Errorf("exit code %d:\n%s", code, got)
	}
}
