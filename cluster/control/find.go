package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
)

// probePatience is how long a cluster may take to answer whether it runs. It takes a millisecond; one that was stopped
// never does.
const probePatience = time.Second

// A Status says what became of a cluster that has files in the runtime folder.
type Status string

// The statuses.
const (
	Running Status = "running"       // it answers
	Silent  Status = "not answering" // it has its socket but does not answer: it was stopped, is starting or ending
	Dead    Status = "dead"          // nobody is at its socket
	Broken  Status = "broken"        // dead, and its state file can't be read or belongs to something else
)

// A Found is a cluster that has files in the runtime folder.
type Found struct {
	Info
	Status Status
	Why    string            // of Silent and Broken, for people
	Now    *cluster.Snapshot // of Running: what it answered
	Files  []string          // paths of what lies there
	stem   string
}

// Client returns a client of this cluster, which is to be closed.
func (f Found) Client() *Client { return NewClient(f.Info) }

// List tells of every cluster that has files in the folder, in the order of their names. It asks all side by side, and none
// for longer than a second. Use Prune for those that are dead or broken.
func (d Dir) List(ctx context.Context) ([]Found, error) {
	stems, err := d.stems()
	if err != nil {
		return nil, err
	}
	return d.visitAll(ctx, stems), nil
}

// stems are those of all files in the folder; a folder that is not there has none.
func (d Dir) stems() ([]string, error) {
	if err := d.check(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, d.fault(err.Error(), "")
	}
	var stems []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // the lock, and what is being written
		}
		for _, end := range []string{stateEnd, socketEnd} {
			if stem, ok := strings.CutSuffix(e.Name(), end); ok && !slices.Contains(stems, stem) {
				stems = append(stems, stem)
			}
		}
	}
	return stems, nil
}

func (d Dir) visitAll(ctx context.Context, stems []string) []Found {
	found := make([]Found, len(stems))
	var visits sync.WaitGroup
	for i, stem := range stems {
		visits.Go(func() { found[i] = d.visit(ctx, stem) })
	}
	visits.Wait()
	slices.SortFunc(found, func(a, b Found) int {
		return strings.Compare(a.Name+"\x00"+a.stem, b.Name+"\x00"+b.stem)
	})
	return found
}

// visit asks one cluster whether it runs.
func (d Dir) visit(ctx context.Context, stem string) Found {
	f := Found{stem: stem}
	for _, end := range []string{stateEnd, socketEnd} {
		if path := d.path(stem + end); exists(path) {
			f.Files = append(f.Files, path)
		}
	}
	info, broken := d.read(stem)
	if broken != nil {
		info = Info{Socket: d.socket(stem)}
	}
	f.Info = info
	f.Now, f.Status, f.Why = ask(ctx, info)
	switch {
	case broken != nil && f.Status == Dead:
		f.Status, f.Why = Broken, broken.Error()
	case broken != nil && f.Now != nil: // it runs, but someone has taken its state file away
		f.Name, f.PID, f.Front = f.Now.Name, f.Now.PID, f.Now.Front
		f.Started = time.Now().Add(-time.Duration(f.Now.UptimeMS) * time.Millisecond)
	}
	return f
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// ask asks for a snapshot.
func ask(ctx context.Context, info Info) (*cluster.Snapshot, Status, string) {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	conn, err := dial(ctx, info)
	if err != nil {
		if nobody(err) {
			return nil, Dead, ""
		}
		return nil, Silent, fmt.Sprintf("cannot connect to it: %v", err)
	}
	conn.Close()
	client := NewClient(info)
	defer client.Close()
	now, err := client.Cluster(ctx)
	if err == nil && (!wantsToken || now.PID == info.PID) {
		return &now, Running, ""
	}
	refusal, refused := errors.AsType[*APIError](err)
	switch {
	case wantsToken && (err == nil || refused && refusal.Status == http.StatusUnauthorized):
		return nil, Dead, "" // another cluster has the port now
	case info.PID != 0 && !procs.Exists(info.PID):
		return nil, Dead, ""
	case ctx.Err() != nil:
		return nil, Silent, fmt.Sprintf("it has not answered for %v", probePatience)
	}
	return nil, Silent, err.Error()
}

// Prune removes the files of a cluster that is dead or broken. One that runs by now is left alone, with an error.
func (d Dir) Prune(f Found) error {
	unlock, err := d.lock(false)
	if err != nil {
		return err
	}
	defer unlock()
	now := d.visit(context.Background(), f.stem)
	if now.Status != Dead && now.Status != Broken {
		return fmt.Errorf("cannot prune cluster %q: it is %s", now.Name, now.Status)
	}
	return d.remove(f.stem)
}

// A NotFoundError says that the cluster that was meant does not run. Clusters are those that do.
type NotFoundError struct {
	Name     string // that was asked for; empty where any would do
	Clusters []Found
}

func (e *NotFoundError) Error() string {
	if e.Name == "" {
		return "cannot find a running cluster: there is none"
	}
	return fmt.Sprintf("cannot find a running cluster named %q: %s", e.Name, listing(e.Clusters))
}

// An AmbiguousError says that several clusters could be meant.
type AmbiguousError struct {
	Clusters []Found
}

func (e *AmbiguousError) Error() string {
	return "cannot tell which cluster is meant: " + listing(e.Clusters)
}

func listing(clusters []Found) string {
	if len(clusters) == 0 {
		return "none is running"
	}
	var names []string
	for _, f := range clusters {
		names = append(names, fmt.Sprintf("%q in %s", f.Name, f.Folder))
	}
	if len(names) == 1 {
		return "there is " + names[0]
	}
	return "there are " + strings.Join(names, ", ")
}

// Find returns the cluster that is meant: the one with this name; if name is empty, the one that was started from this
// folder; else the only one that runs. Its errors are *NotFoundError and *AmbiguousError. One that does not answer counts as
// running; its Status tells.
func (d Dir) Find(ctx context.Context, name, folder string) (Found, error) {
	stems, err := d.stems()
	if err != nil {
		return Found{}, err
	}
	// Those that are surely not meant are not asked first: one that does not answer would hold up the others' commands.
	likely := slices.DeleteFunc(slices.Clone(stems), func(of string) bool {
		if name != "" {
			return of != stem(valid(name))
		}
		info, err := d.read(of)
		return err != nil || !sameFolder(info.Folder, folder)
	})
	meant := alive(d.visitAll(ctx, likely))
	if len(meant) == 1 {
		return meant[0], nil
	}
	if len(meant) > 1 {
		return Found{}, &AmbiguousError{meant}
	}
	others := alive(d.visitAll(ctx, stems))
	switch {
	case name != "" || len(others) == 0:
		return Found{}, &NotFoundError{name, others}
	case len(others) > 1:
		return Found{}, &AmbiguousError{others}
	}
	return others[0], nil
}

func alive(found []Found) []Found {
	return slices.DeleteFunc(found, func(f Found) bool { return f.Status == Dead || f.Status == Broken })
}

// sameFolder compares where two paths lead.
func sameFolder(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if resolved(a) == resolved(b) {
		return true
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y) // macOS and Windows take /Shop for /shop
}

func resolved(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return valid(filepath.Clean(path))
}
