//go:build unix

package fronts

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	dir, sbin := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\necho 'nginx version: nginx/1.99.3' >&2\n"
	if err := os.WriteFile(filepath.Join(sbin, "nginx"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := find("nginx", []string{"PATH=" + dir}, []string{sbin})
	if err != nil || p.Path != filepath.Join(sbin, "nginx") || p.Version != "1.99.3" || p.Title != "nginx" {
		t.Errorf("beside PATH: %+v, %v", p, err)
	}
	_, err = find("apache", []string{"PATH=" + dir}, []string{sbin})
	missing, ok := errors.AsType[*MissingError](err)
	if !ok || missing.Name != "Apache" || !strings.Contains(err.Error(), "no apache2 or httpd in PATH, nor in "+sbin) {
		t.Errorf("not installed: %v", err)
	}
	if _, err = Find("iis", nil); err == nil || !strings.Contains(err.Error(), "it must be lbdev, nginx, haproxy, apache, caddy") {
		t.Errorf("unknown: %v", err)
	}
	for _, name := range Names() {
		if p, err := Find(name, os.Environ()); err != nil || p.Version == "" {
			t.Errorf("%s: %+v, %v (make test installs it)", name, p, err)
		}
	}
}
