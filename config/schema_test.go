package config

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema(func(string) About { return About{Help: "help"} })))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaAddress, schema); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaAddress)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance is a YAML file as a validator has it.
func instance(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.MarshalWithOptions(v, yaml.JSON())
	if err != nil {
		t.Fatal(err)
	}
	of, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return of
}

func files(t *testing.T, archive string) []txtar.File {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", archive))
	if err != nil {
		t.Fatal(err)
	}
	var found []txtar.File
	for _, f := range a.Files {
		if strings.HasSuffix(f.Name, ".yaml") {
			found = append(found, f)
		}
	}
	return found
}

// TestSchemaAcceptsExamples holds that editors have nothing against what the reader takes.
func TestSchemaAcceptsExamples(t *testing.T) {
	s := compiled(t)
	for _, f := range files(t, "examples.txtar") {
		if err := s.Validate(instance(t, f.Data)); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// TestSchemaRefusesMistakes holds that editors see what the reader refuses, key by key.
func TestSchemaRefusesMistakes(t *testing.T) {
	s := compiled(t)
	for _, f := range files(t, "mistakes.txtar") {
		whole, ok := instance(t, f.Data).(map[string]any)
		if !ok {
			t.Fatalf("%s is no map", f.Name)
		}
		if s.Validate(whole) == nil {
			t.Errorf("%s is accepted", f.Name)
		}
		for key, value := range whole {
			if s.Validate(map[string]any{key: value}) == nil && !onlyReader[f.Name+" "+key] {
				t.Errorf("%s: %s: %v is accepted", f.Name, key, value)
			}
		}
	}
}

// onlyReader are mistakes that are in how a value is written: a validator sees only the value.
var onlyReader = map[string]bool{
	"whole.yaml base-port": true, // 0x1f40
	"whole.yaml max-conns": true, // 1e3
}

// TestSchemaTellsKeys holds that every key is described, and takes its example.
func TestSchemaTellsKeys(t *testing.T) {
	s := compiled(t)
	for _, k := range Keys() {
		if k.Example == "" {
			continue
		}
		text := []byte(k.Name + ": " + k.Example + "\n")
		if err := s.Validate(instance(t, text)); err != nil {
			t.Errorf("the example of %s: %v", k.Name, err)
		}
		if _, err := Parse("x", text); err != nil {
			t.Errorf("the example of %s: %v", k.Name, err)
		}
	}
}
