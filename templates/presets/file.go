package presets

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// file fills in what a preset's file takes from the folder.
func (r *reader) file(f File) File {
	escape := func(s string) string { return s }
	if strings.HasSuffix(f.Path, ".xml") {
		escape = escapeXML
	}
	f.Text = braces.ReplaceAllStringFunc(f.Text, func(word string) string {
		if v, ok := r.value(word[1 : len(word)-1]); ok {
			return escape(v.text)
		}
		return word
	})
	var sources List
	for _, source := range f.Copy {
		source = r.fill(source)
		if !unfilled(source) && source != "" { // else it is in a folder that this machine does not have
			sources = append(sources, source)
		}
	}
	f.Copy = sources
	return f
}

func escapeXML(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// Write makes the file below dir, a worker's private folder. fill replaces what was left in braces, such as {port}. Sources that are no
// absolute paths are in the folder base.
func (f File) Write(dir, base string, fill func(string) string) error {
	path := filepath.Join(dir, filepath.FromSlash(f.Path))
	if f.Folder || len(f.Copy) > 0 {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
	}
	if len(f.Copy) > 0 {
		return f.copy(path, base)
	}
	if f.Folder {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(fill(f.Text)), 0o600)
}

// copy copies what the globs of Copy fit into the folder to. Of files with one name the first that can be read counts.
func (f File) copy(to, base string) error {
	for _, pattern := range f.Copy {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(base, filepath.FromSlash(pattern))
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("cannot copy %q: %w", pattern, err)
		}
		for _, from := range found {
			if err := copyFile(from, filepath.Join(to, filepath.Base(from))); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyFile copies a plain file, unless there is one already or it may not be read.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	source, err := os.Open(from)
	if errors.Is(err, os.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
