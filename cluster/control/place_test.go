package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lbdev/lbdev/cluster"
)

func folder(t testing.TB) Dir { return Dir(filepath.Join(t.TempDir(), "lbdev")) }

// claim takes a name until the end of the test. Nobody answers there, but connections are accepted by the kernel.
func claim(t *testing.T, d Dir, info Info) *Claim {
	t.Helper()
	c, err := d.Claim(info)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestAnyNameWorks(t *testing.T) {
	d := folder(t)
	names := []string{
		"shop", "Shop", "SHOP", "my shop", "a/b", "a\\b", "..", ".", "...", "/", "-", "--name", "*", "[x]", "~", "con", "NUL",
		"läden", "店", "👍", "new\nline", "nul\x00", "\xff\xfe", "\xff", strings.Repeat("x", 200), strings.Repeat("店", 200), " ",
	}
	seen := map[string]string{}
	for _, name := range names {
		of := stem(valid(name))
		if len(of) > 60 || strings.ContainsAny(of, "/\\ \x00*?[]:") || strings.HasPrefix(of, ".") || of != strings.ToLower(of) {
			t.Errorf("the files of %q are called %q", name, of)
		}
		if before, ok := seen[of]; ok {
			t.Errorf("the files of %q and %q are both called %q", name, before, of)
		}
		seen[of] = name
		claim(t, d, Info{Name: name})
	}
	found, err := d.List(t.Context())
	if err != nil || len(found) != len(names) {
		t.Fatalf("%d of %d clusters are listed (%v)", len(found), len(names), err)
	}
	for _, f := range found {
		if f.Status == Dead || f.Status == Broken || f.Name != valid(seen[f.stem]) {
			t.Errorf("%q is listed as %q, %s", seen[f.stem], f.Name, f.Status)
		}
	}
	if _, err := d.Claim(Info{}); err == nil {
		t.Error("an empty name was claimed")
	}
}

func TestNameTaken(t *testing.T) {
	d := folder(t)
	first := claim(t, d, Info{Name: "shop", Folder: "/work/shop", Front: "http://127.0.0.1:8080"})
	_, err := d.Claim(Info{Name: "shop"})
	taken, ok := errors.AsType[*NameTakenError](err)
	if !ok || taken.PID != os.Getpid() || taken.Folder != "/work/shop" || taken.Front != "http://127.0.0.1:8080" || !taken.Started.Equal(first.Info().Started) {
		t.Fatalf("%+v", err)
	}
	for _, part := range []string{`"shop"`, fmt.Sprint(os.Getpid()), "/work/shop", "8080", "since"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not have %s", err, part)
		}
	}
	if err := os.WriteFile(d.path(stem("shop")+stateEnd), []byte(`{"na`), 0o600); err != nil {
		t.Fatal(err)
	}
	if !wantsToken { // there the state file is all that leads to the socket
		_, err = d.Claim(Info{Name: "shop"})
		if taken, ok := errors.AsType[*NameTakenError](err); !ok || taken.Name != "shop" || taken.Socket != first.Info().Socket {
			t.Errorf("with a torn state file: %+v", err)
		}
	}
	claim(t, d, Info{Name: "other"}) // is none of its business
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	claim(t, d, Info{Name: "shop"})
}

// TestOneOfTwentyWins claims one name from twenty goroutines, and from eight processes, over what a dead cluster left.
func TestOneOfTwentyWins(t *testing.T) {
	d := folder(t)
	for range 5 {
		leave(t, d, "shop")
		claims := make([]*Claim, 20)
		faults := make([]error, 20)
		var all sync.WaitGroup
		for i := range claims {
			all.Go(func() { claims[i], faults[i] = d.Claim(Info{Name: "shop"}) })
		}
		all.Wait()
		won := 0
		for i, c := range claims {
			if c != nil {
				won++
				defer c.Close()
			} else if _, ok := errors.AsType[*NameTakenError](faults[i]); !ok {
				t.Errorf("one that lost: %v", faults[i])
			}
		}
		if won != 1 {
			t.Fatalf("%d have the name", won)
		}
		for _, c := range claims {
			if c != nil {
				c.Close()
			}
		}
	}
	leave(t, d, "shop")
	outcomes := make(chan string, 8)
	var processes sync.WaitGroup
	for range 8 {
		cmd := cast(t, "claim", string(d), "shop")
		hold, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said [4]byte
		processes.Go(func() {
			out.Read(said[:])
			outcomes <- string(said[:2])
		})
		t.Cleanup(func() {
			hold.Close()
			cmd.Wait()
		})
	}
	processes.Wait()
	close(outcomes)
	won := 0
	for said := range outcomes {
		if said == "up" {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d processes have the name", won)
	}
}

// leave has a process claim a name and kills it: its files stay.
func leave(t *testing.T, d Dir, name string) {
	t.Helper()
	cmd, end := startUp(t, "claim", string(d), name)
	cmd.Process.Kill()
	end()
	if _, err := os.Lstat(d.path(stem(name) + stateEnd)); err != nil {
		t.Fatal(err)
	}
}

func TestStaleFilesStopNobody(t *testing.T) {
	d := folder(t)
	leave(t, d, "shop")
	found, err := d.List(t.Context())
	if err != nil || len(found) != 1 || found[0].Status != Dead || found[0].Name != "shop" || len(found[0].Files) == 0 {
		t.Fatalf("what was left: %+v, %v", found, err)
	}
	c := claim(t, d, Info{Name: "shop"})
	if err := d.Prune(found[0]); err == nil {
		t.Error("a cluster that runs was pruned")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	leave(t, d, "shop")
	if err := d.Prune(found[0]); err != nil {
		t.Error(err)
	}
	if left := files(t, d); len(left) != 0 {
		t.Errorf("prune has left %v", left)
	}
}

// files are those in the folder, but the lock.
func files(t *testing.T, d Dir) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(string(d))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != lockFile {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestCloseLeavesAnothersFiles takes the socket of a cluster away, as a cleaner of temporary files does, and has another one
// claim the name.
func TestCloseLeavesAnothersFiles(t *testing.T) {
	d := folder(t)
	first := claim(t, d, Info{Name: "shop"})
	first.Listener().Close()
	second := claim(t, d, Info{Name: "shop"})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if conn, err := dial(t.Context(), second.Info()); err != nil {
		t.Errorf("the second one's socket: %v", err)
	} else {
		conn.Close()
	}
	if info, err := d.read(stem("shop")); err != nil || !info.Started.Equal(second.Info().Started) {
		t.Errorf("the second one's state file: %+v, %v", info, err)
	}
}

func TestUpdate(t *testing.T) {
	d := folder(t)
	c := claim(t, d, Info{Name: "shop", ProcStart: 1<<64 - 1})
	path := d.path(stem("shop") + stateEnd)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Update(func(i *Info) { i.Name, i.PID, i.Socket = "other", 1, "/elsewhere" }); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("an update of nothing has written the file: %v", err)
	}
	if err := c.Update(func(i *Info) { i.Front, i.Ports, i.Mark = "http://127.0.0.1:8080", []int{8000, 8001}, "m" }); err != nil {
		t.Fatal(err)
	}
	info, err := d.read(stem("shop"))
	if err != nil || info.Name != "shop" || info.PID != os.Getpid() || info.Front != "http://127.0.0.1:8080" || len(info.Ports) != 2 ||
		info.Mark != "m" || info.ProcStart != 1<<64-1 {
		t.Errorf("%+v, %v", info, err)
	}
	if got := files(t, d); len(got) > 2 {
		t.Errorf("there are %v", got)
	}
}

// TestCrashInMidWrite kills a process that rewrites its state file all the time; what is there is always whole.
func TestCrashInMidWrite(t *testing.T) {
	d := folder(t)
	last := -1
	for range 12 {
		cmd, end := startUp(t, "rewrite", string(d), "shop")
		await(t, "a few rewrites", func() bool {
			info, err := d.read(stem("shop"))
			if err != nil {
				t.Fatalf("a state file that is being rewritten: %v", err)
			}
			return info.BasePort > 3
		})
		cmd.Process.Kill()
		end()
		info, err := d.read(stem("shop"))
		if err != nil || info.BasePort < 4 || len(info.Ports) != info.BasePort%2000 {
			t.Fatalf("after the crash: %d, %d ports, %v", info.BasePort, len(info.Ports), err)
		}
		last = info.BasePort
	}
	if last < 0 {
		t.Fatal("nothing was written")
	}
	for i := range 3 { // as a crash between two system calls leaves them
		if err := os.WriteFile(d.path(fmt.Sprintf(".%s.%d%s", stem("shop"), i, tempEnd)), []byte(`{"name":"sh`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := d.List(t.Context()); err != nil || len(found) != 1 || found[0].Status != Dead {
		t.Errorf("%+v, %v", found, err)
	}
	c := claim(t, d, Info{Name: "shop"})
	if got := files(t, d); len(got) > 2 {
		t.Errorf("a claim has left what a crash left: %v", got)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := files(t, d); len(got) != 0 {
		t.Errorf("a claim that is closed has left %v", got)
	}
}

// TestTornAndForeignFiles puts all kinds of files into the folder; the list names them and shows the good one.
func TestTornAndForeignFiles(t *testing.T) {
	d := folder(t)
	s := claim(t, d, Info{Name: "good"})
	good, err := os.ReadFile(d.path(stem("good") + stateEnd))
	if err != nil {
		t.Fatal(err)
	}
	plant := map[string]string{
		"empty.json": "", "torn.json": string(good[:len(good)/2]), "foreign.json": `{"a":1}`, "list.json": "[]",
		"other-name.json": string(good), "binary.json": "\x00\xff", "huge.json": strings.Repeat(" ", maxState+1),
		"alone.sock": "", "readme.txt": "hello", stem("torn") + ".json": `{"name":"torn","pid":-1}`,
	}
	for name, text := range plant {
		if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(d.path("folder.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	found, err := d.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	broken := 0
	for _, f := range found {
		switch {
		case f.stem == s.stem:
			if f.Name != "good" || f.Status != Silent {
				t.Errorf("the good one is %+v", f)
			}
		case f.Status != Broken || f.Why == "" || len(f.Files) != 1:
			t.Errorf("%s is %+v", f.stem, f)
		default:
			broken++
			if err := d.Prune(f); err != nil {
				t.Error(err)
			}
		}
	}
	if broken != 10 {
		t.Errorf("%d are broken, want 10", broken)
	}
	if got := files(t, d); len(got) != len(s.files())+1 {
		t.Errorf("after pruning there are %v", got)
	}
}

func (c *Claim) files() []string {
	return c.dir.visitAll(context.Background(), []string{c.stem})[0].Files
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"name":"x","pid":1,"ports":[1,2],"started":"2026-01-02T03:04:05Z"}`))
	f.Add([]byte(`{`))
	dir := Dir(filepath.Join(f.TempDir(), "lbdev"))
	if err := dir.create(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(dir.path(stem("x")+stateEnd), text, 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := dir.read(stem("x"))
		if err == nil && (!json.Valid(text) || info.Name != "x" || info.PID <= 0) {
			t.Errorf("%q was read as %+v", text, info)
		}
	})
}

// TestLongPath has a folder whose path no socket address can hold.
func TestLongPath(t *testing.T) {
	d := Dir(filepath.Join(t.TempDir(), strings.Repeat("long/", 40), "lbdev"))
	if err := os.MkdirAll(filepath.Dir(string(d)), 0o700); err != nil {
		t.Fatal(err)
	}
	c := claim(t, d, Info{Name: strings.Repeat("n", 200)})
	if _, err := d.Claim(Info{Name: strings.Repeat("n", 200)}); err == nil {
		t.Error("the name was claimed twice")
	}
	conn, err := net.Conn(nil), error(nil)
	if conn, err = dial(t.Context(), c.Info()); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if len(c.Info().Socket) < 200 && !wantsToken {
		t.Errorf("the path is only %q", c.Info().Socket)
	}
}

func TestDefaultPlace(t *testing.T) {
	xdg := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", xdg)
	if d, err := Default(); err != nil || d != Dir(filepath.Join(xdg, "lbdev")) {
		t.Errorf("%q, %v", d, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(xdg, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"", "relative", file, filepath.Join(file, "below")} {
		t.Setenv("XDG_RUNTIME_DIR", value)
		if d, err := Default(); err != nil || d != Dir(filepath.Join(cache, "lbdev")) {
			t.Errorf("with %q: %q, %v", value, d, err)
		}
	}
}

// TestFind asks for clusters by name, by folder, and by nothing.
func TestFind(t *testing.T) {
	d := folder(t)
	_, err := d.Find(t.Context(), "", t.TempDir())
	if none, ok := errors.AsType[*NotFoundError](err); !ok || len(none.Clusters) != 0 {
		t.Fatalf("without a folder: %v", err)
	}
	here, there, nowhere := t.TempDir(), t.TempDir(), t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(here, link); err != nil {
		t.Fatal(err)
	}
	find := func(name, folder, want string) error {
		t.Helper()
		// Nobody answers at these sockets, and what is still silent then has been found all the same.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		f, err := d.Find(ctx, name, folder)
		if f.Name != want || (err == nil) != (want != "") {
			t.Errorf("%q from %s: found %q, want %q (%v)", name, folder, f.Name, want, err)
		}
		return err
	}
	claim(t, d, Info{Name: "one", Folder: here})
	find("", here, "one")
	find("", link, "one")
	find("", nowhere, "one") // the only one
	find("one", nowhere, "one")
	if err := find("two", here, ""); !strings.Contains(err.Error(), `there is "one" in `+here) {
		t.Error(err)
	}
	second := claim(t, d, Info{Name: "two", Folder: there})
	leave(t, d, "dead")
	find("", there, "two")
	find("", link, "one")
	find("two", here, "two")
	find("dead", here, "")
	err = find("", nowhere, "")
	if several, ok := errors.AsType[*AmbiguousError](err); !ok || len(several.Clusters) != 2 || several.Clusters[0].Name != "one" {
		t.Errorf("from nowhere: %+v", err)
	}
	claim(t, d, Info{Name: "three", Folder: there})
	if err := find("", there, ""); !strings.Contains(err.Error(), `"three" in `+there+`, "two"`) {
		t.Errorf("two from one folder: %v", err)
	}
	second.Close()
	find("", there, "three")
}

// TestListAsksTheClusters has one that answers and one of which only the socket is left.
func TestListAsksTheClusters(t *testing.T) {
	s := open(t, cluster.Config{Name: "shop", Workers: 2}, &Server{})
	found, err := s.dir.List(t.Context())
	if err != nil || len(found) != 1 || found[0].Status != Running || found[0].Now == nil || len(found[0].Now.Workers) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	client := found[0].Client()
	defer client.Close()
	if now, err := client.Cluster(t.Context()); err != nil || now.PID != os.Getpid() {
		t.Errorf("%+v, %v", now, err)
	}
	if wantsToken {
		return // nothing leads there without the state file
	}
	if err := os.Remove(s.dir.path(s.claim.stem + stateEnd)); err != nil {
		t.Fatal(err)
	}
	found, err = s.dir.List(t.Context())
	if err != nil || len(found) != 1 || found[0].Status != Running || found[0].Name != "shop" || found[0].PID != os.Getpid() {
		t.Errorf("without its state file: %+v, %v", found, err)
	}
}
