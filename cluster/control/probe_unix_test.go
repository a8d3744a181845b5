//go:build linux || darwin

package control

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProbe: a folder that is fine is left empty; what is wrong with another is said.
func TestProbe(t *testing.T) {
	long := Dir(filepath.Join(t.TempDir(), strings.Repeat("long/", 40), "lbdev"))
	for _, d := range []Dir{folder(t), long} {
		for range 2 { // the first one makes it
			if err := d.Probe(); err != nil {
				t.Error(err)
			}
		}
		entries, err := os.ReadDir(string(d))
		if err != nil || len(entries) > 0 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	}
	open := folder(t)
	if err := os.Mkdir(string(open), 0o755); err != nil {
		t.Fatal(err)
	}
	file := folder(t)
	if err := os.WriteFile(string(file), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, d := range map[string]Dir{"others may enter it": open, "not a directory": file} {
		err := d.Probe()
		place, ok := errors.AsType[*PlaceError](err)
		if !ok || !strings.Contains(place.Why, want) || place.Hint == "" {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
