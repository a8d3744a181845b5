package main

import (
	"flag"
	"os"
	"testing"

	"github.com/lbdev/lbdev/config"
)

var update = flag.Bool("update", false, "rewrite files that are made from the code")

// shippedSchema is the schema that editors are told of.
const shippedSchema = "../../docs/lbdev.schema.json"

// TestSchemaShipped holds that it is what lbdev schema prints. -update rewrites it.
func TestSchemaShipped(t *testing.T) {
	want := config.Schema(aboutKey)
	if *update {
		if err := os.WriteFile(shippedSchema, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(shippedSchema)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("docs/lbdev.schema.json is not what  lbdev schema  prints: run  go test ./cmd/lbdev -run TestSchemaShipped -update")
	}
}

// TestSchemaDescribes holds that every key says what it is.
func TestSchemaDescribes(t *testing.T) {
	for _, k := range config.Keys() {
		if aboutKey(k.Name).Help == "" {
			t.Errorf("%s has no description", k.Name)
		}
	}
}
