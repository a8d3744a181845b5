package main

import (
	"os"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/templates/presets"
)

// TestFrameworksPage: docs/frameworks.md has a line for each preset that a folder can be, in the order in which they are looked for.
func TestFrameworksPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/frameworks.md")
	if err != nil {
		t.Fatal(err)
	}
	rest := string(page)
	for _, p := range presets.Load("", settingNames()).All() {
		if len(p.When) == 0 {
			continue // it only knows how a command takes its port
		}
		_, after, found := strings.Cut(rest, "| `"+p.Name+"` |")
		if !found {
			t.Errorf("preset %s has no line, or one in the wrong place", p.Name)
			continue
		}
		rest = after
	}
}
