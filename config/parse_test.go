package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite what is wanted")

// environment is what commands in testdata may name.
func environment(name string) (string, bool) {
	return "set here", name == "LBDEV_TEST_SET"
}

// table runs a test for each NAME.yaml of an archive, whose result must be what NAME.want has.
func table(t *testing.T, archive string, result func(t *testing.T, name string, data []byte) string) {
	t.Helper()
	path := filepath.Join("testdata", archive)
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, f := range a.Files {
		want[f.Name] = string(f.Data)
	}
	renewed := &txtar.Archive{Comment: a.Comment}
	for _, f := range a.Files {
		name, ok := strings.CutSuffix(f.Name, ".yaml")
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			got := result(t, f.Name, f.Data)
			if got != want[name+".want"] && !*update {
				t.Errorf("got:\n%s\nwant:\n%s", got, want[name+".want"])
			}
			renewed.Files = append(renewed.Files, f, txtar.File{Name: name + ".want", Data: []byte(got)})
		})
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(renewed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// refused is what is said of a file that must be refused.
func refused(t *testing.T, name string, data []byte) string {
	t.Helper()
	_, err := parse(name, data, environment)
	if err == nil {
		t.Error("it is accepted")
		return ""
	}
	return err.Error() + "\n"
}

func TestMistakes(t *testing.T) { table(t, "mistakes.txtar", refused) }
func TestSyntax(t *testing.T)   { table(t, "syntax.txtar", refused) }

// TestExamples holds what the flags are given.
func TestExamples(t *testing.T) {
	table(t, "examples.txtar", func(t *testing.T, name string, data []byte) string {
		f, err := parse(name, data, environment)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, k := range Keys() {
			if f.Has(k.Name) {
				at, _ := f.Place(k.Name)
				fmt.Fprintf(&b, "%d:%d %s %q\n", at.Line, at.Column, k.Name, f.Texts(k.Name))
			}
		}
		return b.String()
	})
}

// TestFields holds that the typed fields have the values.
func TestFields(t *testing.T) {
	f, err := Parse("lbdev.yaml", []byte("command: a 'b c'\nworkers: 3\nhold: 1m\nmax-body: 2k\ntls: true\nlisten: 80\nname: shop\nenv:\n  B: 2\n  A: x\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Command: Command{"a", "b c"}, Workers: 3, Hold: time.Minute, MaxBody: 2048, TLS: true, Listen: List{"80"}, Name: "shop", Env: Env{"A": "x", "B": "2"},
		name: f.name, lines: f.lines, values: f.values,
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got %+v", f)
	}
	if at, ok := f.Place("env.A"); !ok || at.Line != 10 || at.Column != 6 {
		t.Errorf("env.A is at %v", at)
	}
	if _, ok := f.Place("policy"); ok {
		t.Error("there is no policy")
	}
	if f.FileName() != "lbdev.yaml" {
		t.Error(f.FileName())
	}
}

// TestBytes has what can't be written into an archive.
func TestOddFiles(t *testing.T) {
	many := strings.Repeat("workerz: 1\n", 30)
	for name, tt := range map[string]struct {
		data, want string // want is a part; empty = it is accepted
	}{
		"not UTF-8":     {"name: sh\xffop\n", "x.yaml:1:9: here is a byte that is no UTF-8; save it as UTF-8\n   1 | name: sh·op\n     |         ^"},
		"too large":     {"#" + strings.Repeat("x", maxFile), "x.yaml: it has 65537 bytes"},
		"too deep":      {"env: " + strings.Repeat("[", 70), "x.yaml:1:70: more than 64 brackets are open here"},
		"control":       {"name: a\x01b", "x.yaml:1:8: here is the control character U+0001"},
		"Windows":       {"\uFEFFworkers: 4\r\nhold: 5\r\n", "x.yaml:2:7: hold: 5 is no time"},
		"Windows, good": {"\uFEFFworkers: 4\r\nname: \"x\"\r\n", ""},
		"old Mac":       {"workers: 4\rname: x\r", ""},
		"very many":     {many, "x.yaml: and 10 more"},
		"bomb":          {"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "x.yaml:1:1: a is no key"},
		"nothing":       {"", ""},
		"blanks":        {" \n\n  \n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte(tt.data))
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestFault holds that others find the place of a value.
func TestFault(t *testing.T) {
	f, err := Parse("x.yaml", []byte("name: a\nlisten: [80, \"elsewhere:80\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New(`cannot listen on "elsewhere:80"`)
	err = f.Fault("listen", cause)
	want := "x.yaml:2:14: listen: cannot listen on \"elsewhere:80\"\n   2 | listen: [80, \"elsewhere:80\"]\n     |              ^^^^^^^^^^^^^^"
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if err := f.Fault("hold", cause); err.Error() != "x.yaml: hold: "+cause.Error() {
		t.Error(err)
	}
}

// FuzzParse holds that no file makes the reader panic or take long, and that a mistake is within the file.
func FuzzParse(f *testing.F) {
	for _, archive := range []string{"mistakes.txtar", "syntax.txtar", "examples.txtar"} {
		a, err := txtar.ParseFile(filepath.Join("testdata", archive))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if strings.HasSuffix(file.Name, ".yaml") {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		began := time.Now()
		file, err := parse("x", data, environment)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it takes %v", took)
		}
		if err == nil {
			for _, k := range Keys() {
				at, ok := file.Place(k.Name)
				if ok != file.Has(k.Name) || ok && (at.Line < 1 || at.Line > len(file.lines)) {
					t.Errorf("%s is at %v", k.Name, at)
				}
			}
			return
		}
		lines := 1 + bytes.Count(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\n")) + bytes.Count(data, []byte("\r"))
		for _, m := range err.(Mistakes) {
			if m.Line > lines || m.Line < 0 || m.Line > 0 && m.Column < 1 {
				t.Errorf("%v of %d lines", m.Place, lines)
			}
			if strings.Contains(m.Summary(), "\n") {
				t.Errorf("a summary of several lines: %q", m.Summary())
			}
		}
	})
}
