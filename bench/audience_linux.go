package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// audienceWord makes this program read a dashboard's stream: `bench audience ADDRESS TOKEN READERS`.
const audienceWord = "audience"

// An audience reads a dashboard's stream, several times at once, in a process of its own. It writes a line each time somebody asks for
// one: how many bytes all of them have got.
type audience struct {
	*process
	ask     *os.File // a byte is a question
	answers *bufio.Reader
	from    *os.File
}

// startAudience returns when all have got the first message.
func (b *bench) startAudience(where board, readers int) (*audience, error) {
	in, ask, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	a := &audience{ask: ask, from: from, answers: bufio.NewReader(from)}
	a.process, err = launchCopy(in, out, b.self, audienceWord, where.address, where.token, strconv.Itoa(readers))
	in.Close()
	out.Close()
	if err != nil {
		ask.Close()
		from.Close()
		return nil, err
	}
	if a.bytes() == 0 {
		a.stop()
		return nil, fmt.Errorf("cannot read the dashboard's stream\n%s", a.talk.Bytes())
	}
	return a, nil
}

// bytes is how many have come; 0 = the process has ended, or there is no audience.
func (a *audience) bytes() int64 {
	if a == nil {
		return 0
	}
	a.ask.Write([]byte{'\n'}) // its error is the end, which the answer says too
	line, _ := a.answers.ReadString('\n')
	n, _ := strconv.ParseInt(line[:max(0, len(line)-1)], 10, 64)
	return n
}

func (a *audience) stop() {
	a.ask.Close() // ends it
	a.process.stop()
	a.from.Close()
}

// runAudience opens the streams and answers until nobody asks any more.
func runAudience(address, token, readers string) error {
	n, err := strconv.Atoi(readers)
	if err != nil {
		return fmt.Errorf("cannot read a number of readers: %w", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var got atomic.Int64
	var greeted, all sync.WaitGroup
	for range n {
		greeted.Add(1)
		all.Go(func() { cancel(watch(ctx, address, token, &got, greeted.Done)) })
	}
	ready := make(chan struct{})
	go func() { greeted.Wait(); close(ready) }()
	select {
	case <-ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(10 * time.Second):
		return fmt.Errorf("cannot get %d streams within ten seconds", n)
	}
	question := make([]byte, 1)
	for {
		if _, err := os.Stdin.Read(question); err != nil {
			return nil
		}
		fmt.Println(got.Load())
	}
}

// watch reads one stream and counts its bytes; it calls greeted after the first message.
func watch(ctx context.Context, address, token string, got *atomic.Int64, greeted func()) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/dashboard/v1/live", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("cannot open the dashboard's stream: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("cannot open the dashboard's stream: %s", resp.Status)
	}
	once := sync.OnceFunc(greeted)
	buf := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		got.Add(int64(n))
		if bytes.Contains(buf[:n], []byte("\n\n")) {
			once()
		}
		if err != nil {
			return fmt.Errorf("the dashboard's stream has ended: %w", noEOF(err))
		}
	}
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
