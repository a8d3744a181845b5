package logfile

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy"
)

func TestMain(m *testing.M) {
	misbehave.Main()
	// The goroutine that forks never returns: children with a parent-death signal die with the thread that made them.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/lbdev/lbdev/procs.(*forker).run"))
}

// patience is how long a test waits for something that takes no time when all is well.
const patience = 30 * time.Second

// A bench is Files with feeds that a test publishes to.
type bench struct {
	*testing.T
	files  *Files
	logs   *cluster.Feed[cluster.LogLine]
	events *cluster.Feed[cluster.Event]

	mu     sync.Mutex
	warned []error
}

func newBench(t *testing.T, config Config) *bench {
	t.Helper()
	b := &bench{
		T: t, logs: cluster.NewFeed(1000, 1<<20, func(l cluster.LogLine) int { return len(l.Text) }),
		events: cluster.NewFeed[cluster.Event](1000, 0, nil),
	}
	if config.Dir == "" {
		config.Dir = filepath.Join(t.TempDir(), "logs")
	}
	config.Warn = func(err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.warned = append(b.warned, err)
	}
	if config.AppendRequest == nil {
		config.AppendRequest = appendRequest
	}
	var err error
	if b.files, err = Open(config); err != nil {
		t.Fatal(err)
	}
	b.files.Follow(b.logs, b.events)
	t.Cleanup(func() { b.files.Close() })
	return b
}

func (b *bench) warnings() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.warned)
}

func (b *bench) line(port int, format string, args ...any) {
	b.logs.Append(cluster.LogLine{Line: procs.Line{Time: time.Now(), Text: fmt.Sprintf(format, args...)}, Port: port, Worker: port - 8000}, nil)
}

func (b *bench) event(e cluster.Event) {
	e.Time, e.Log, e.Kind = time.Now(), b.logs.Last(), cmp.Or(e.Kind, cluster.KindState)
	b.events.Append(e, nil)
}

func (b *bench) close() {
	b.Helper()
	if err := b.files.Close(); err != nil {
		b.Fatal(err)
	}
}

// texts are the lines of a log with all its backups, oldest first, without their times.
func (b *bench) texts(name string) []string {
	b.Helper()
	var texts []string
	for _, line := range readLog(b.T, b.files.Dir(), name) {
		stamp, text, ok := strings.Cut(line, " ")
		if _, err := time.Parse(timeFormat, stamp); err != nil || !ok {
			b.Fatalf("%s has the line %q, which does not begin with a time", name, line)
		}
		texts = append(texts, text)
	}
	return texts
}

// await waits until a log has the text.
func (b *bench) await(name, text string) {
	b.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if data, _ := os.ReadFile(filepath.Join(b.files.Dir(), name)); strings.Contains(string(data), text) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s never got %q", name, text)
		}
	}
}

// missing adds up what the texts say is missing.
func (b *bench) missing(texts []string) (n int) {
	for _, text := range texts {
		var lost int
		if _, err := fmt.Sscanf(text, "lbdev: %d lines are missing here:", &lost); err == nil {
			n += lost
		}
	}
	return n
}

// readLog returns the lines of a log with all its backups, oldest first.
func readLog(t *testing.T, dir, name string) []string {
	t.Helper()
	var all strings.Builder
	stem := strings.TrimSuffix(name, ".log")
	backups, _ := filepath.Glob(filepath.Join(dir, stem+"-*.log*"))
	slices.Sort(backups)
	for _, path := range append(backups, filepath.Join(dir, name)) {
		if of, _, ok := backupOf(filepath.Base(path)); ok && of != name {
			continue
		}
		all.WriteString(readFile(t, path))
	}
	if all.Len() == 0 {
		return nil
	}
	text, ok := strings.CutSuffix(all.String(), "\n")
	if !ok {
		t.Fatalf("%s does not end with a newline", name)
	}
	return strings.Split(text, "\n")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, gz) {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if info, _ := f.Stat(); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, want 0600", path, info.Mode())
	}
	return string(data)
}

// appendRequest is the JSON form for tests.
func appendRequest(buf []byte, a *proxy.Access) []byte {
	line, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return append(append(buf, line...), '\n')
}
