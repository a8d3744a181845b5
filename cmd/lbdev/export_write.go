package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
)

// write puts the files into a folder: all of them, or none if one would be overwritten unasked.
func (x *exported) write(c *cli.Context, dir string, force bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make folder %q: %w", dir, bare(err))
	}
	for _, f := range x.files {
		e := exportFile{Name: f.Name, Part: f.Part, Path: filepath.Join(dir, filepath.FromSlash(f.Name)), State: "written"}
		old, err := os.ReadFile(e.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err == nil && bytes.Equal(old, []byte(f.Text)):
			e.State = "unchanged"
		case err == nil && force:
		case err == nil:
			return &commandError{code: exitFailed, err: fmt.Errorf("cannot write %q: it is there already, and it is another one", e.Path), hint: "--force overwrites it, another folder keeps it"}
		default:
			return fmt.Errorf("cannot write %q: %w", e.Path, bare(err))
		}
		x.Files = append(x.Files, e)
	}
	for i, f := range x.files {
		if x.Files[i].State == "unchanged" {
			continue
		}
		if err := placeFile(x.Files[i].Path, f.Text, force); err != nil {
			return fmt.Errorf("cannot write %q: %w", x.Files[i].Path, bare(err))
		}
	}
	if x.json {
		return printJSON(c, x)
	}
	for _, f := range x.Files {
		fmt.Fprintf(c.App.Writer, "%-9s %s\n", f.State, f.Path)
	}
	x.talk(c)
	for _, line := range []string{x.Check, x.Run} {
		switch {
		case line == "":
		case x.options.Windows && x.Target == "nginx": // it finds its file below its own folder only
			fmt.Fprintf(c.App.ErrWriter, "lbdev: next, in nginx's folder, when the file is in its folder conf:  %s\n", line)
		default:
			fmt.Fprintf(c.App.ErrWriter, "lbdev: next:  cd %s && %s\n", quoted(dir), line)
		}
	}
	return nil
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// absolute is a path that is right in other folders too.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}
