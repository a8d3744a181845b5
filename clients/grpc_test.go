//go:build linux

package clients

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// raw is gRPC's codec for messages that are bytes.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

// grpcService has each kind of call.
var grpcService = grpc.ServiceDesc{
	ServiceName: "clients.Test",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Unary", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var in []byte
		if err := decode(&in); err != nil {
			return nil, err
		}
		return grpcUnary(ctx, string(in))
	}}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Down", ServerStreams: true, Handler: grpcDown},
		{StreamName: "Up", ClientStreams: true, Handler: grpcUp},
		{StreamName: "Both", ServerStreams: true, ClientStreams: true, Handler: grpcBoth},
	},
}

func grpcServer() *grpc.Server {
	s := grpc.NewServer(grpc.ForceServerCodec(raw{}))
	s.RegisterService(&grpcService, nil)
	return s
}

func grpcUnary(ctx context.Context, in string) (any, error) {
	grpc.SetHeader(ctx, metadata.Pairs("x-head", "h"))
	grpc.SetTrailer(ctx, metadata.Pairs("x-tail", "t"))
	switch in {
	case "fail":
		s, _ := status.New(codes.ResourceExhausted, "no more: é").WithDetails(wrapperspb.String("details"))
		return nil, s.Err()
	case "hang":
		<-ctx.Done()
		note("hang ended")
		return nil, ctx.Err()
	case "slow":
		time.Sleep(5 * time.Millisecond)
	}
	out := []byte("unary " + in)
	return &out, nil
}

// note leaves a file for the test, or for another of the app's processes.
func note(name string) { os.WriteFile(filepath.Join(os.Getenv("CLIENTS_DIR"), name), nil, 0o600) }

func noted(dir, name string) bool { return exists(filepath.Join(dir, name)) }

func grpcDown(_ any, s grpc.ServerStream) error {
	var in []byte
	if err := s.RecvMsg(&in); err != nil {
		return err
	}
	for i := 0; string(in) == "endless" || i < 5; i++ {
		out := fmt.Appendf(nil, "%s %d", in, i)
		if err := s.SendMsg(&out); err != nil {
			note("endless ended")
			return err
		}
		time.Sleep(time.Millisecond)
	}
	s.SetTrailer(metadata.Pairs("x-tail", "down"))
	return nil
}

func grpcUp(_ any, s grpc.ServerStream) error {
	size := 0
	for {
		var in []byte
		if err := s.RecvMsg(&in); err == io.EOF {
			out := fmt.Append(nil, size)
			return s.SendMsg(&out)
		} else if err != nil {
			return err
		}
		size += len(in)
	}
}

func grpcBoth(_ any, s grpc.ServerStream) error {
	for {
		var in []byte
		if err := s.RecvMsg(&in); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if string(in) == "fail" {
			return status.Error(codes.Aborted, "as you wish")
		}
		out := append([]byte("both "), in...)
		if err := s.SendMsg(&out); err != nil {
			return err
		}
	}
}

// A caller calls through lbdev.
type caller struct {
	*front
	conn *grpc.ClientConn
	ctx  context.Context
}

func newCaller(t *testing.T, flags ...string) *caller {
	t.Helper()
	f := up(t, append([]string{"--upstream", "h2c"}, flags...), app("grpc"))
	conn, err := grpc.NewClient(f.host, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return &caller{front: f, conn: conn, ctx: ctx}
}

func (c *caller) unary(ctx context.Context, in string, options ...grpc.CallOption) (string, error) {
	message, out := []byte(in), []byte(nil)
	err := c.conn.Invoke(ctx, "/clients.Test/Unary", &message, &out, options...)
	return string(out), err
}

func (c *caller) stream(ctx context.Context, name string) grpc.ClientStream {
	c.Helper()
	s, err := c.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/clients.Test/"+name)
	if err != nil {
		c.Fatal(err)
	}
	return s
}

func (c *caller) send(s grpc.ClientStream, text string) {
	c.Helper()
	message := []byte(text)
	if err := s.SendMsg(&message); err != nil {
		c.Fatal(err)
	}
}

func receive(s grpc.ClientStream) (string, error) {
	var out []byte
	err := s.RecvMsg(&out)
	return string(out), err
}

// noted waits for a file that the server leaves.
func (c *caller) noted(name string) {
	c.Helper()
	eventually(c.T, name, func() bool { return noted(c.dir, name) })
}

func TestGRPC(t *testing.T) {
	c := newCaller(t, "-n", "2")
	t.Run("unary", func(t *testing.T) {
		workers := map[string]int{}
		for range 10 {
			var head, tail metadata.MD
			out, err := c.unary(c.ctx, "hello", grpc.Header(&head), grpc.Trailer(&tail))
			if out != "unary hello" || err != nil || strings.Join(head["x-head"], "") != "h" || strings.Join(tail["x-tail"], "") != "t" {
				t.Errorf("%q, %v, %v, %v", out, err, head, tail)
			}
			workers[strings.Join(head["x-lbdev-worker"], "")]++
		}
		if len(workers) != 2 {
			t.Errorf("calls of one connection went to %v", workers)
		}
		big := strings.Repeat("x", 3<<20)
		if out, err := c.unary(c.ctx, big); out != "unary "+big || err != nil {
			t.Errorf("%d bytes, %v", len(out), err)
		}
	})
	t.Run("status", func(t *testing.T) {
		_, err := c.unary(c.ctx, "fail")
		s := status.Convert(err)
		if details := s.Details(); s.Code() != codes.ResourceExhausted || s.Message() != "no more: é" || len(details) != 1 ||
			details[0].(*wrapperspb.StringValue).Value != "details" {
			t.Errorf("%v %v", err, details)
		}
		message := []byte("x")
		if err := c.conn.Invoke(c.ctx, "/clients.Test/Nothing", &message, &message); status.Code(err) != codes.Unimplemented {
			t.Error(err)
		}
	})
	t.Run("down", func(t *testing.T) {
		s := c.stream(c.ctx, "Down")
		c.send(s, "five")
		s.CloseSend()
		for i := range 5 {
			if out, err := receive(s); out != fmt.Sprint("five ", i) || err != nil {
				t.Errorf("%q %v", out, err)
			}
		}
		if _, err := receive(s); err != io.EOF || strings.Join(s.Trailer()["x-tail"], "") != "down" {
			t.Errorf("%v %v", err, s.Trailer())
		}
	})
	t.Run("up", func(t *testing.T) {
		s := c.stream(c.ctx, "Up")
		for range 100 {
			c.send(s, strings.Repeat("x", 50_000))
		}
		s.CloseSend()
		if out, err := receive(s); out != "5000000" || err != nil {
			t.Errorf("%q %v", out, err)
		}
	})
	t.Run("both", func(t *testing.T) {
		s := c.stream(c.ctx, "Both")
		for i := range 50 {
			c.send(s, fmt.Sprint(i))
			if out, err := receive(s); out != fmt.Sprint("both ", i) || err != nil {
				t.Fatalf("%q %v", out, err)
			}
		}
		c.send(s, "fail") // and the client's side stays open
		if _, err := receive(s); status.Code(err) != codes.Aborted {
			t.Error(err)
		}
	})
	t.Run("status at once", func(t *testing.T) {
		quickest := patience
		for range 5 {
			s := c.stream(c.ctx, "Both")
			began := time.Now()
			c.send(s, "fail")
			receive(s)
			quickest = min(quickest, time.Since(began))
		}
		if quickest > 500*time.Millisecond { // a client that may talk on is otherwise listened to for a second
			t.Errorf("the quickest status came after %v", quickest)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, cancel := context.WithCancel(c.ctx)
		s := c.stream(ctx, "Down")
		c.send(s, "endless")
		s.CloseSend()
		receive(s)
		cancel()
		c.noted("endless ended")
	})
	t.Run("deadline", c.deadline)
	c.wantNoFailure()
}

// deadline: a call that hangs ends at its client's deadline. The server knows that too. Where it is first, its CANCEL comes as INTERNAL_ERROR:
// net/http's server ends streams by nothing else.
func (c *caller) deadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(c.ctx, 2*time.Second) // in which it has to come to its server
	defer cancel()
	_, err := c.unary(ctx, "hang")
	end, _ := ctx.Deadline()
	late := status.Code(err) == codes.Internal && !time.Now().Before(end)
	if status.Code(err) != codes.DeadlineExceeded && !late {
		t.Error(err)
	}
	c.noted("hang ended")
}

// TestGRPCWorkerKilled: what other workers have goes on, and what comes after finds a worker.
func TestGRPCWorkerKilled(t *testing.T) {
	c := newCaller(t, "-n", "3")
	var streams []grpc.ClientStream
	by := map[string]grpc.ClientStream{}
	for range 3 {
		s := c.stream(c.ctx, "Both")
		c.send(s, "hello")
		receive(s)
		head, _ := s.Header()
		by[strings.Join(head["x-lbdev-worker"], "")] = s
		streams = append(streams, s)
	}
	killed := by[fmt.Sprint(c.base)]
	if len(by) != 3 || killed == nil {
		t.Fatalf("streams are at %v", by)
	}
	var ok, failed atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	const callers = 8
	for range callers {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := c.unary(c.ctx, "slow"); err == nil {
					ok.Add(1)
				} else if failed.Add(1); status.Code(err) != codes.Unavailable {
					t.Errorf("%v", err)
				}
			}
		})
	}
	eventually(t, "calls", func() bool { return ok.Load() > 100 })
	c.lbdev("kill", "1")
	began := time.Now()
	if _, err := receive(killed); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("the stream of the killed worker: %v after %v", err, time.Since(began))
	}
	for _, s := range streams {
		if s != killed {
			c.send(s, "still there")
			if out, err := receive(s); out != "both still there" || err != nil {
				t.Errorf("another worker's stream: %q %v", out, err)
			}
		}
	}
	after := ok.Load() + 200
	eventually(t, "calls after the kill", func() bool { return ok.Load() > after })
	close(stop)
	group.Wait()
	// Only what was being executed: a call is a POST and does not run twice. The kernel closes a dead process's connections one after
	// the other, so who calls again at once may meet one that it has not come to yet.
	if n := failed.Load(); n > 2*callers {
		t.Errorf("%d calls failed", n)
	}
	t.Logf("%d calls succeeded, %d failed that were under way", ok.Load(), failed.Load())
}

// TestGRPCNoWorker: the client is told that it may try again.
func TestGRPCNoWorker(t *testing.T) {
	c := newCaller(t, "-n", "1", "--hold", "0s")
	c.lbdev("stop", "all")
	if _, err := c.unary(c.ctx, "hello"); status.Code(err) != codes.Unavailable {
		t.Errorf("%v", err)
	}
}
