package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// placeFile writes a file for the user, all of it or nothing. One that is there is replaced only by force; otherwise the error is an
// fs.ErrExist. When it can't be written, as on a full disk, there is what was there before.
func placeFile(name, text string, force bool) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	switch {
	case err == nil:
		return fill(file, text)
	case !force || !errors.Is(err, fs.ErrExist):
		return err
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real // the link stays
	}
	old, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !old.Mode().IsRegular() { // a pipe or a device can't be replaced
		return os.WriteFile(name, []byte(text), 0o666)
	}
	file, err = os.CreateTemp(filepath.Dir(name), ".lbdev-*")
	if err != nil {
		return err
	}
	if err := fill(file, text); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(file.Name(), old.Mode().Perm()), os.Rename(file.Name(), name)); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// fill writes a new file, and removes it if it can't be written.
func fill(file *os.File, text string) error {
	_, err := file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		os.Remove(file.Name()) // the error that counts is why
	}
	return err
}
