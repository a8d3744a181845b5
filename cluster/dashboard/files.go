package dashboard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/lbdev/lbdev/cluster/control"
)

// A file is one that the page consists of. They are few and small, and are held in memory.
type file struct {
	kind, tag string
	text      []byte
}

// kinds are the types of the files that there are: what mime knows is the system's to say, and differs.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func readFiles(from fs.FS) (map[string]file, error) {
	files := map[string]file{}
	err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		kind := kinds[path.Ext(name)]
		if kind == "" {
			kind = mime.TypeByExtension(path.Ext(name))
		}
		files[name] = file{kind: kind, tag: `"` + hex.EncodeToString(sum[:8]) + `"`, text: text}
		return nil
	})
	if err == nil && files["index.html"].text == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the dashboard's page: %w", err)
	}
	return files, nil
}

// file answers with a file of the page. Browsers ask each time whether it has changed, since a newer lbdev may be at the same address.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		control.Refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("cannot %s %s", r.Method, r.URL.Path), "it takes GET, HEAD")
		return
	}
	name := strings.TrimPrefix(r.URL.Path, home)
	if name == "" {
		name = "index.html"
	}
	f, ok := s.files[name]
	if !ok {
		control.Refuse(w, http.StatusNotFound, fmt.Sprintf("cannot find %s", r.URL.Path), "the page is at "+home)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.text))
}
