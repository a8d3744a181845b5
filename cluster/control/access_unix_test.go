//go:build linux || darwin

package control

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

const nobodyUID = 65534

func TestModes(t *testing.T) {
	old := syscall.Umask(0) // whatever the user's is
	defer syscall.Umask(old)
	s := open(t, cluster.Config{Workers: 1}, &Server{})
	want := map[string]os.FileMode{
		string(s.dir):                          os.ModeDir | 0o700,
		s.claim.Info().Socket:                  os.ModeSocket | 0o600,
		s.dir.path(s.claim.stem + stateEnd):    0o600,
		filepath.Join(string(s.dir), lockFile): 0o600,
	}
	for path, mode := range want {
		if info, err := os.Lstat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, mode)
		}
	}
}

// TestAnotherUser tries to come in as another one: past the folder, and then, with the door held open, past the question who
// it is. Only root can become another user; elsewhere the modes, which TestModes has, are what is tested.
func TestAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: nobody else to be")
		return
	}
	s := open(t, cluster.Config{Workers: 1}, &Server{})
	s.awaitAll(cluster.Ready) // no process is being started that would have a copy open, which can't be run then
	program := public(t)
	connect := func() string {
		cmd := exec.Command(program, s.claim.Info().Socket)
		cmd.Env = append(os.Environ(), roleName+"=connect")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodyUID, Gid: nobodyUID}}
		cmd.Dir = "/"
		out, err := cmd.CombinedOutput()
		if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
			t.Fatal(err)
		}
		return string(out)
	}
	// Everything above the runtime folder is open, so that it alone keeps others out.
	for dir := filepath.Dir(string(s.dir)); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if said := connect(); !strings.Contains(said, "permission denied") {
		t.Errorf("past the folder: %q", said)
	}
	if err := os.Chmod(string(s.dir), 0o711); err != nil {
		t.Fatal(err)
	}
	if said := connect(); !strings.Contains(said, "permission denied") {
		t.Errorf("past the socket's mode: %q", said)
	}
	if err := os.Chmod(s.claim.Info().Socket, 0o666); err != nil {
		t.Fatal(err)
	}
	if said := connect(); !strings.Contains(said, "read 0 bytes") {
		t.Errorf("with the door held open: %q", said)
	}
	if err := os.Chmod(string(s.dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.Cluster(t.Context()); err != nil {
		t.Errorf("we ourselves: %v", err)
	}
}

// public is a copy of this program that every user can run.
func public(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "lbdev-public")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	path := filepath.Join(dir, "program")
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Chmod(0o755), to.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUnsafeFolders refuses a folder in which others could have been, and says what to do.
func TestUnsafeFolders(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
		says string
	}{
		{"open to the group", func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o750)) }, "chmod 700"},
		{"open to all", func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o707)) }, "chmod 700"},
		{"a file", func(path string) error { return os.WriteFile(path, nil, 0o600) }, "XDG_RUNTIME_DIR"},
		{"a link", func(path string) error { return os.Symlink(os.TempDir(), path) }, "XDG_RUNTIME_DIR"},
	}
	if os.Geteuid() == 0 {
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.name, last.says = "another's", "XDG_RUNTIME_DIR"
		last.make = func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, nobodyUID, nobodyUID))
		}
	}
	for _, tc := range tests {
		d := folder(t)
		if err := tc.make(string(d)); err != nil {
			t.Fatal(err)
		}
		_, err := d.Claim(Info{Name: "shop"})
		if e, ok := errors.AsType[*PlaceError](err); !ok || !strings.Contains(e.Hint, tc.says) || !strings.Contains(e.Error(), string(d)) {
			t.Errorf("%s: %+v", tc.name, err)
		}
		if _, err := d.List(t.Context()); err == nil {
			t.Errorf("%s: it was listed", tc.name)
		}
	}
}

// TestFrozenClusterHoldsNobodyUp stops an lbdev: it has its name, is listed as what it is, and another one is found at once.
func TestFrozenClusterHoldsNobodyUp(t *testing.T) {
	s := open(t, cluster.Config{Name: "alive", Workers: 1}, &Server{})
	cmd, _ := startUp(t, "claim", string(s.dir), "frozen")
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Signal(syscall.SIGCONT)
	if _, err := s.dir.Claim(Info{Name: "frozen"}); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Errorf("its name: %v", err)
	}
	began := time.Now()
	found, err := s.dir.List(t.Context())
	if took := time.Since(began); err != nil || took > 5*time.Second || len(found) != 2 {
		t.Fatalf("after %v: %+v, %v", took, found, err)
	}
	if found[0].Status != Running || found[1].Status != Silent || found[1].PID != cmd.Process.Pid || found[1].Why == "" {
		t.Errorf("%+v", found)
	}
	began = time.Now()
	if f, err := s.dir.Find(t.Context(), s.claim.Info().Name, ""); err != nil || f.Status != Running || time.Since(began) >= probePatience {
		t.Errorf("after %v: %+v, %v", time.Since(began), f, err)
	}
	if err := s.dir.Prune(found[1]); err == nil {
		t.Error("one that is frozen was pruned")
	}
}
