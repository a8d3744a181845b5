package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// controlRounds is how often each action is measured.
const controlRounds = 50

// control measures what another terminal waits for: whole commands, from the start of their process to its end, and their
// requests alone, over lbdev's socket. An action on a worker is in effect when it is answered: it is out of rotation then.
func (b *bench) control() error {
	c, err := b.up()
	if err != nil {
		return err
	}
	defer c.stop()
	client, err := b.socketClient()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	t := newTable(fmt.Sprintf("Control: of %d, lbdev with %d idle workers", controlRounds, workers), "", "command", "slowest", "its request", "slowest")
	for _, a := range []struct{ command, undo, method, path, undoPath string }{
		{"ps --json", "", "GET", "/v1/cluster", ""},
		{"drain 1", "undrain 1", "POST", "/v1/workers/1/drain", "/v1/workers/1/undrain"},
		{"stop --no-wait 2", "start 2", "POST", "/v1/workers/2/stop", "/v1/workers/2/start?wait=1"},
	} {
		commands, err := times(func() (time.Duration, error) { return b.timeCommand(a.command, a.undo) })
		if err != nil {
			return err
		}
		requests, err := times(func() (time.Duration, error) { return timeRequest(client, a.method, a.path, a.undoPath) })
		if err != nil {
			return err
		}
		same := func(d time.Duration) time.Duration { return d }
		t.row("lbdev "+a.command, millis(median(commands, same)), millis(slowest(commands)), millis(median(requests, same)), millis(slowest(requests)))
	}
	t.print()
	return nil
}

func times(measure func() (time.Duration, error)) ([]time.Duration, error) {
	var all []time.Duration
	for range controlRounds {
		d, err := measure()
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

func slowest(all []time.Duration) (most time.Duration) {
	for _, d := range all {
		most = max(most, d)
	}
	return most
}

// timeCommand runs a command of lbdev, and undoes it.
func (b *bench) timeCommand(command, undo string) (time.Duration, error) {
	began := time.Now()
	if err := b.remote(command); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if undo == "" {
		return took, nil
	}
	return took, b.remote(undo)
}

func (b *bench) remote(command string) error {
	cmd := exec.CommandContext(b.ctx, b.lbdev)
	for word := range bytes.SplitSeq([]byte(command), []byte(" ")) {
		cmd.Args = append(cmd.Args, string(word))
	}
	cmd.Env = append(os.Environ(), b.runtimeDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("lbdev %s: %w\n%s", command, err, out)
	}
	return nil
}

// runtimeDir is where lbdev's sockets are in this run, so that it meets no other lbdev.
func (b *bench) runtimeDir() string { return "XDG_RUNTIME_DIR=" + filepath.Join(b.dir, "run") }

// socketClient talks to the one lbdev that runs.
func (b *bench) socketClient() (*http.Client, error) {
	sockets, _ := filepath.Glob(filepath.Join(b.dir, "run", "lbdev", "*.sock")) // its one error is a bad pattern
	if len(sockets) != 1 {
		return nil, errors.New("lbdev has no socket: " + strconv.Itoa(len(sockets)) + " were found")
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", sockets[0])
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}, nil
}

// timeRequest sends a request of the control API, and undoes it.
func timeRequest(client *http.Client, method, path, undoPath string) (time.Duration, error) {
	began := time.Now()
	if err := request(client, method, path); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if undoPath == "" {
		return took, nil
	}
	return took, request(client, method, undoPath)
}

func request(client *http.Client, method, path string) error {
	r, err := http.NewRequest(method, "http://lbdev"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s\n%s", method, path, resp.Status, body)
	}
	return err
}
