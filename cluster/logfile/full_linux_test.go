package logfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk has a file system of 128 KiB. Only root may mount one; TestFileThatMayNotGrow is the same for others.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k,mode=0700"); err != nil {
		if os.Getuid() == 0 {
			t.Logf("cannot mount a file system: %v", err)
		}
		return
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, Config{Dir: filepath.Join(dir, "logs"), MaxSize: -1})
	b.fillAndFree(func() {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
			t.Error(err)
		}
	})
}
