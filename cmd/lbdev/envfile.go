package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/joho/godotenv"
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/templates/presets"
)

// readEnvFile reads an env file, which may also be a pipe: password managers mount one in its place, so that secrets are on no disk, and
// shells make one of <(…).
func readEnvFile(c *cli.Context, name string) (map[string]string, error) {
	var text []byte
	info, err := os.Stat(name)
	if err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		text, err = pipesOf(c).read(c.Context, name)
	} else {
		text, err = readText(name)
	}
	if err != nil {
		return nil, err
	}
	return godotenv.UnmarshalBytes(text)
}

// pipes are those that were read. What came out of one comes no second time, or only if somebody allows it once more; so each is read
// once in lbdev's life, however often the command line is.
type pipes struct {
	mu    sync.Mutex
	known map[string]*pipe
	waits func(name string) // is told of one from which nothing comes
}

// A pipe is one that was read, or from which nothing has come yet.
type pipe struct {
	name string
	over chan struct{} // closed when the rest is there
	text []byte
	err  error
}

const (
	pipesKey = "pipes" // where the app's metadata has them
	// silentPipe is how long a pipe may be silent until that is told. At a start there is no other limit: somebody may have to type a password.
	silentPipe = time.Second
)

func pipesOf(c *cli.Context) *pipes {
	p, ok := c.App.Metadata[pipesKey].(*pipes)
	if !ok {
		p = &pipes{known: map[string]*pipe{}, waits: func(name string) {
			fmt.Fprintf(c.App.ErrWriter, "lbdev: waiting for env file %q, which is a pipe\n", name)
		}}
		c.App.Metadata[pipesKey] = p
	}
	return p
}

// read returns what came out of a pipe. Who has waited long enough says so by ctx; what comes later is the next one's who asks.
func (p *pipes) read(ctx context.Context, name string) ([]byte, error) {
	one := p.begin(name)
	defer time.AfterFunc(silentPipe, func() { p.waits(name) }).Stop()
	select {
	case <-one.over:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if one.err != nil {
		p.forget(one)
	}
	return one.text, one.err
}

func (p *pipes) begin(name string) *pipe {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.known[name]
	if one == nil {
		one = &pipe{name: name, over: make(chan struct{})}
		p.known[name] = one
		go one.read()
	}
	return one
}

func (p *pipes) forget(one *pipe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[one.name] == one {
		delete(p.known, one.name)
	}
}

// read is the goroutine that reads a pipe. Nobody can end it before there is somebody who writes: the kernel waits for that when it is opened.
func (p *pipe) read() {
	defer close(p.over)
	f, err := os.Open(p.name)
	if err != nil {
		p.err = bare(err)
		return
	}
	defer f.Close()
	p.text, p.err = presets.Read(f)
}
