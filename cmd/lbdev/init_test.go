package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lbdev/lbdev/config"
)

// projects are folders, and the arguments of init in them.
var projects = map[string]struct {
	files map[string]string
	args  []string
	want  []string // lines of what is written
}{
	"django": {
		map[string]string{"manage.py": "import django\n"}, nil,
		[]string{"preset: django", "workers: 4", `# command: [`},
	},
	"flask": {
		map[string]string{"app.py": "from flask import Flask\napp = Flask(__name__)\n", "requirements.txt": "flask\n"}, nil, []string{"preset: flask"},
	},
	"static": {map[string]string{"index.html": "hello"}, nil, []string{"preset: static"}},
	"procfile": {
		map[string]string{"Procfile": "web: node server.js\n"}, nil, []string{"preset: procfile"},
	},
	"typed": {
		nil, []string{"--", "python", "manage.py", "runserver"},
		[]string{"command: [python, manage.py, runserver]", "# Django: port added as runserver's argument"},
	},
	"odd words": {
		nil, []string{"--", "sh", "-c", "echo \"a: b\" # {port}", "", "true"}, []string{`command: [sh, -c, "echo \"a: b\" # {port}", "", "true"]`},
	},
	"asked for": {map[string]string{"index.php": ""}, []string{"--preset", "php"}, []string{"preset: php"}},
}

// TestInit holds that what is written is a file that changes nothing, for the reader and for editors, also with every setting in it
// taken out of its comment.
func TestInit(t *testing.T) {
	for name, tt := range projects {
		t.Run(name, func(t *testing.T) {
			printed, code := inFolder(t, tt.files, append([]string{"init", "--stdout"}, tt.args...)...)
			if code != 0 {
				t.Fatal(printed)
			}
			for _, want := range tt.want {
				if !regexp.MustCompile("(?m)^" + regexp.QuoteMeta(want)).MatchString(printed) {
					t.Errorf("there is no line %s in\n%s", want, printed)
				}
			}
			wantFile(t, printed)
			wantFile(t, uncommented(printed))

			without, code := captured(t, append([]string{"up", "--print-config"}, tt.args...)...)
			if code != 0 {
				t.Fatal(without)
			}
			said, code := captured(t, append([]string{"init"}, tt.args...)...)
			if code != 0 || !strings.HasPrefix(said, "wrote lbdev.yaml\n") || !strings.Contains(said, "\nnext:  lbdev up ") {
				t.Errorf("exit code %d: %s", code, said)
			}
			if text, err := os.ReadFile("lbdev.yaml"); err != nil || string(text) != printed {
				t.Errorf("%v, and the file is\n%s", err, text)
			}
			with, code := captured(t, "up", "--print-config")
			if a, b := withoutSources(without), withoutSources(with); a != b || code != 0 {
				t.Errorf("without the file\n%s\nwith it\n%s", a, b)
			}
		})
	}
}

// uncommented has every setting in force.
func uncommented(text string) string {
	text = regexp.MustCompile(`(?m)^# ([a-z0-9-]+: .*)$`).ReplaceAllStringFunc(text, func(line string) string {
		line = strings.TrimPrefix(line, "# ")
		if key, _, _ := strings.Cut(line, ":"); line != "" {
			if _, ok := config.KeyOf(key); !ok {
				return "# " + line
			}
		}
		return line
	})
	return text
}

// wantFile holds that a text is an lbdev.yaml, for the reader and by the schema.
func wantFile(t *testing.T, text string) {
	t.Helper()
	if _, err := config.Parse("lbdev.yaml", []byte(text)); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema(aboutKey)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(config.SchemaAddress, schema); err != nil {
		t.Fatal(err)
	}
	data, err := yaml.MarshalWithOptions(v, yaml.JSON())
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MustCompile(config.SchemaAddress).Validate(instance); err != nil {
		t.Error(err)
	}
}

// TestInitOverwritesNothing holds that a file is left alone unless it is asked for.
func TestInitOverwritesNothing(t *testing.T) {
	got, code := inFolder(t, map[string]string{"lbdev.yaml": "mine", "index.html": ""}, "init")
	if code != exitFailed || !strings.Contains(got, `cannot write "lbdev.yaml": it is there already`) {
		t.Errorf("exit code %d: %s", code, got)
	}
	if text, _ := os.ReadFile("lbdev.yaml"); string(text) != "mine" {
		t.Errorf("the file is %q", text)
	}
	if got, code := captured(t, "init", "--force"); code != 0 {
		t.Error(got)
	}
	if text, _ := os.ReadFile("lbdev.yaml"); !strings.Contains(string(text), "preset: static") {
		t.Errorf("the file is %s", text)
	}
	got, code = captured(t, "init", "-o", "other.yaml")
	if _, err := os.Stat("other.yaml"); code != 0 || err != nil || !strings.Contains(got, "lbdev up --file other.yaml") {
		t.Errorf("exit code %d: %s", code, got)
	}
}

// TestInitRefuses holds what can't be written.
func TestInitRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"nothing in this folder is known":       {"init"},
		`cannot find a preset "djangoo"`:        {"init", "--preset", "djangoo"},
		`cannot write both "x" and preset "go"`: {"init", "--preset", "go", "--", "x"},
	} {
		got, code := inFolder(t, nil, args...)
		if code != exitUsage || !strings.Contains(got, want) || !strings.Contains(got, "hint: ") {
			t.Errorf("%q: exit code %d: %s", args, code, got)
		}
		if _, err := os.Stat("lbdev.yaml"); err == nil {
			t.Errorf("%q has written a file", args)
		}
	}
}

// TestProcfileVariables holds that a Procfile's line has the values that workers will have, and that no secret gets into a command, which is
// shown, written and exported.
func TestProcfileVariables(t *testing.T) {
	t.Setenv("LBDEV_TEST_TOKEN", "hunter2")
	t.Setenv("LBDEV_TEST_DB", "postgres://joe:hunter2@db/shop")
	t.Setenv("LBDEV_TEST_MODE", "own")
	for name, tt := range map[string]struct{ line, want string }{
		"token":    {"./server $LBDEV_TEST_TOKEN $PORT", `[sh, -c, "./server $LBDEV_TEST_TOKEN $PORT"]`},
		"url":      {"./server --db $LBDEV_TEST_DB", `[sh, -c, "./server --db $LBDEV_TEST_DB"]`},
		"own":      {"./server $LBDEV_TEST_MODE $PORT", `[./server, own, "{port}"]`},
		"env file": {"./server $LBDEV_TEST_A", "[./server, vars]"},
		"file":     {"./server $LBDEV_TEST_B", "[./server, file]"},
		"flag":     {"./server $LBDEV_TEST_C", "[./server, flag]"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{
				"Procfile": "web: " + tt.line + "\n", "vars": "LBDEV_TEST_A=vars\nLBDEV_TEST_B=vars\nLBDEV_TEST_C=vars\n",
				"up.yaml": "env: {LBDEV_TEST_B: file, LBDEV_TEST_C: file}\n",
			}
			got, code := inFolder(t, files, "up", "--print-config", "--file", "up.yaml", "--env-file", "vars", "-e", "LBDEV_TEST_C=flag")
			if code != 0 || !strings.Contains(got, "command: "+tt.want) {
				t.Errorf("exit code %d, want %s:\n%s", code, tt.want, got)
			}
			for _, args := range [][]string{{"init", "--stdout"}, {"presets", "procfile"}, {"export", "procfile"}} {
				if got, _ := captured(t, args...); strings.Contains(got, "hunter2") {
					t.Errorf("%v shows a secret:\n%s", args, got)
				}
			}
		})
	}
}
