//go:build unix

package cluster

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestRenewAgain holds that workers which were left out, because one before them did not come back, get the new settings next time.
func TestRenewAgain(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	broken := filepath.Join(t.TempDir(), "broken")
	script := `test "$LBDEV_WORKER" = 2 && test -e "$0" && exit 1; exec "$1" tell LBDEV_TEST_SAYS`
	config := Config{Command: []string{"sh", "-c", script, broken, os.Args[0]}, Env: []string{"LBDEV_TEST_SAYS=old"}, Workers: 3}
	c := open(t, config)
	c.awaitAll(3, Ready)
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	config.Env = []string{"LBDEV_TEST_SAYS=new"}
	if err, ok := errors.AsType[*ComeBackError](c.Renew(t.Context(), config, nil)); !ok || err.Worker != 2 || err.Left != 1 {
		t.Fatalf("the error is %v", err)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	if err := c.Renew(t.Context(), config, nil); err != nil {
		t.Fatal(err)
	}
	for i, said := range c.says() {
		if said != "new" {
			t.Errorf("worker %d says %q", i+1, said)
		}
	}
	before := c.worker(1).Incarnation
	if err := c.Renew(t.Context(), config, nil); err != nil || c.worker(1).Incarnation != before {
		t.Errorf("%v, incarnation %d after %d: nothing was new", err, c.worker(1).Incarnation, before)
	}
}
