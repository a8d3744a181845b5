package control

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	secretFile = ".secret"
	secretSize = 32
)

// Secret is one that stays the same for a purpose, as long as the folder is there: pages that were let in by it are let in again by
// the next lbdev. Nobody else can read what it is made of.
func (d Dir) Secret(purpose string) (string, error) {
	if err := d.create(); err != nil {
		return "", err
	}
	key, err := d.key()
	if err != nil {
		return "", d.fault(err.Error(), "")
	}
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(purpose))
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// key reads what secrets are made of, or makes it. Of two that make it at once the first to be in place counts.
func (d Dir) key() ([]byte, error) {
	name := filepath.Join(string(d), secretFile)
	key, err := os.ReadFile(name)
	if err == nil && len(key) == secretSize {
		return key, nil
	}
	switch {
	case err == nil:
		os.Remove(name) // it was cut short, by a full disk
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	made := make([]byte, secretSize)
	rand.Read(made) // never fails
	temp, err := os.CreateTemp(string(d), secretFile+"-*"+tempEnd)
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(made)
	if err = errors.Join(err, temp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(temp.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(temp.Name(), name); err != nil { // a file system without links
			return nil, err
		}
	}
	return os.ReadFile(name)
}
