package control

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestSecret: it is the same for everybody who asks at once and later, differs by purpose and folder, and nobody else can read it.
func TestSecret(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "lbdev"))
	secret := func(d Dir, purpose string) string {
		s, err := d.Secret(purpose)
		if err != nil {
			t.Error(err)
		}
		return s
	}
	var all [16]string
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i] = secret(dir, "a") })
	}
	wg.Wait()
	for _, s := range all {
		if s != all[0] || len(s) != 32 {
			t.Errorf("one got %q, another %q", all[0], s)
		}
	}
	if secret(dir, "b") == all[0] || secret(Dir(t.TempDir()+"/x"), "a") == all[0] {
		t.Error("it is the same for something else")
	}
	name := filepath.Join(string(dir), secretFile)
	if info, err := os.Stat(name); err != nil || openToOthers(info) {
		t.Errorf("%v %v", info, err)
	}
	if err := os.WriteFile(name, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := secret(dir, "a"); s == all[0] || s != secret(dir, "a") {
		t.Error("a broken file is not made anew")
	}
	if rest, err := os.ReadDir(string(dir)); err != nil || len(rest) != 1 {
		t.Errorf("left are %v, %v", rest, err)
	}
}
