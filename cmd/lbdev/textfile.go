package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/joho/godotenv"
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/templates/presets"
)

// readText reads a file that its user has written, under the same rules as a preset of theirs: nothing but a regular file, nor a huge one.
func readText(name string) ([]byte, error) { return presets.ReadFile(anywhere{}, name) }

// anywhere is an fs.FS whose names are those of the system.
type anywhere struct{}

func (anywhere) Open(name string) (fs.File, error)     { return os.Open(name) }
func (anywhere) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// readEnvFile reads an env file, which may also be a pipe: password managers mount one in its place, so that secrets are on no disk, and
// shells make one of <(…).
func readEnvFile(c *cli.Context, name string) (map[string]string, error) {
	read := readText
	if info, err := os.Stat(name); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		read = pipesOf(c).read
	}
	text, err := read(name)
	if err != nil {
		return nil, err
	}
	return godotenv.UnmarshalBytes(text)
}

// pipes are those that were read. What came out of one comes no second time, or only if somebody allows it once more; so each is read
// once in lbdev's life, however often the command line is.
type pipes struct {
	contents map[string][]byte
	waits    func(name string) // is told of one from which nothing comes
}

const (
	pipesKey = "pipes" // where the app's metadata has them
	// silentPipe is how long a pipe may be silent until that is told. There is no other limit: somebody may have to type a password.
	silentPipe = time.Second
	// maxPipe is as much as is read of a file.
	maxPipe = 1 << 20
)

func pipesOf(c *cli.Context) *pipes {
	p, ok := c.App.Metadata[pipesKey].(*pipes)
	if !ok {
		p = &pipes{contents: map[string][]byte{}, waits: func(name string) {
			fmt.Fprintf(c.App.ErrWriter, "lbdev: waiting for env file %q, which is a pipe\n", name)
		}}
		c.App.Metadata[pipesKey] = p
	}
	return p
}

func (p *pipes) read(name string) ([]byte, error) {
	if text, had := p.contents[name]; had {
		return text, nil
	}
	defer time.AfterFunc(silentPipe, func() { p.waits(name) }).Stop()
	f, err := os.Open(name) // waits for who writes
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPipe+1))
	switch {
	case err != nil:
		return nil, bare(err)
	case len(text) > maxPipe:
		return nil, fmt.Errorf("it has more than %d bytes", maxPipe)
	}
	p.contents[name] = text
	return text, nil
}
