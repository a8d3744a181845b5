package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestManHasNoWarnings asks man-db, whose groff sees other faults than mandoc.
func TestManHasNoWarnings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lbdev.1")
	if err := os.WriteFile(file, []byte(manPage(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, width := range []string{"80", "132"} {
		cmd := exec.Command("man", "--warnings=w", "-E", "UTF-8", "-l", file)
		cmd.Env = append(os.Environ(), "MANWIDTH="+width, "LC_ALL=C.UTF-8", "MANPAGER=cat", "MANROFFSEQ=")
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil || said.Len() > 0 {
			t.Errorf("with %s columns: %v\n%s", width, err, said.String())
		}
	}
}
