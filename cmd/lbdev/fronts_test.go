//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/fronts"
)

// TestFrontRefuses: what a program has none of, and an export only notes, is refused.
func TestFrontRefuses(t *testing.T) {
	for _, name := range fronts.Names() {
		err := (&otherFront{name: name}).Refuse(cluster.Balanced{Policy: "round-robin", SlowStart: time.Second})
		if name == "haproxy" {
			if err != nil {
				t.Errorf("haproxy: %v", err)
			}
		} else if err == nil || !strings.HasPrefix(err.Error(), "cannot ") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInstallHint(t *testing.T) {
	for tool, want := range map[string]string{
		"apt-get": "install it:  sudo apt-get install apache2", "dnf": "install it:  sudo dnf install httpd", "pacman": "install it:  sudo pacman -S apache",
		"brew": "install it:  brew install httpd", "": "install Apache, and have its folder in PATH",
	} {
		dir := t.TempDir()
		t.Setenv("PATH", dir)
		if tool != "" {
			if err := os.WriteFile(filepath.Join(dir, tool), nil, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if got := installHint("apache", &fronts.MissingError{Name: "Apache"}); got != want {
			t.Errorf("with %q: %q, want %q", tool, got, want)
		}
	}
}
