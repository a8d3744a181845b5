package main

import (
	"io/fs"
	"os"

	"github.com/joho/godotenv"

	"github.com/lbdev/lbdev/templates/presets"
)

// readText reads a file that its user has written, under the same rules as a preset of theirs: nothing but a regular file, nor a huge one.
func readText(name string) ([]byte, error) { return presets.ReadFile(anywhere{}, name) }

// anywhere is an fs.FS whose names are those of the system.
type anywhere struct{}

func (anywhere) Open(name string) (fs.File, error)     { return os.Open(name) }
func (anywhere) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// readEnvFile reads an env file.
func readEnvFile(name string) (map[string]string, error) {
	text, err := readText(name)
	if err != nil {
		return nil, err
	}
	return godotenv.UnmarshalBytes(text)
}
