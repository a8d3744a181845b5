package control

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// patience is how long a test waits for something that takes no time when all is well.
const patience = 30 * time.Second

// roleName has a process of this test binary play another lbdev, or another user.
const roleName = "LBDEV_CONTROL_ROLE"

func TestMain(m *testing.M) {
	misbehave.Main()
	if role := os.Getenv(roleName); role != "" {
		os.Exit(play(role, os.Args[1:]))
	}
	// The goroutine that forks never returns: children with a parent-death signal die with the thread that made them.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/lbdev/lbdev/procs.(*forker).run"))
}

// play is what a process with a role does. It says "up" when it has done what it is to do.
func play(role string, args []string) (code int) {
	switch role {
	case "claim": // DIR NAME: holds a claim until its stdin ends
		c, err := Dir(args[0]).Claim(Info{Name: args[1], Folder: "/claimed", Front: "http://127.0.0.1:1"})
		if err != nil {
			fmt.Println("refused:", err)
			return 1
		}
		fmt.Println("up")
		io.Copy(io.Discard, os.Stdin)
		if err := c.Close(); err != nil {
			fmt.Println(err)
			return 1
		}
	case "rewrite": // DIR NAME: changes its state file as fast as it can
		c, err := Dir(args[0]).Claim(Info{Name: args[1]})
		if err != nil {
			fmt.Println("refused:", err)
			return 1
		}
		fmt.Println("up")
		for n := 1; ; n++ {
			if err := c.Update(func(i *Info) { i.Ports = make([]int, n%2000); i.BasePort = n }); err != nil {
				fmt.Println(err)
				return 1
			}
		}
	case "connect": // SOCKET
		conn, err := net.Dial("unix", args[0])
		if err != nil {
			fmt.Println("no connection:", err)
			return 1
		}
		fmt.Fprint(conn, "GET /v1/cluster HTTP/1.0\r\nHost: lbdev\r\n\r\n")
		text, err := io.ReadAll(conn)
		fmt.Printf("read %d bytes: %v\n", len(text), err)
	}
	return 0
}

// cast starts a process with a role.
func cast(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleName+"="+role)
	return cmd
}

// startUp starts a process with a role and returns when it is up, with what ends it in an orderly way.
func startUp(t *testing.T, role string, args ...string) (cmd *exec.Cmd, end func()) {
	t.Helper()
	cmd = cast(t, role, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			in.Close()
			cmd.Wait()
		}
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		end()
	})
	if text, err := bufio.NewReader(out).ReadString('\n'); text != "up\n" {
		t.Fatalf("%s says %q, %v", role, text, err)
	}
	return cmd, end
}

// A stage is a cluster of real processes with its API on a real socket.
type stage struct {
	*testing.T
	*cluster.Cluster
	server *Server
	claim  *Claim
	dir    Dir
	client *Client
	base   int
	raw    *http.Client // to the same socket, for what the Client would not send
}

// open runs a cluster until the end of the test.
func open(t testing.TB, config cluster.Config, server *Server) *stage {
	t.Helper()
	n := max(config.Workers, 10)
	base := freePorts(t, n+1)
	config.BasePort, config.Listen = base, fmt.Sprintf("127.0.0.1:%d", base+n)
	if config.Command == nil {
		config.Command = misbehave.Argv("serve")
	}
	c, err := cluster.New(config)
	if err == nil {
		err = c.Open()
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := Dir(filepath.Join(t.TempDir(), "lbdev"))
	claim, err := dir.Claim(Info{Name: config.Name + "shop", Folder: t.TempDir(), Front: c.FrontURL(), BasePort: base, Ports: c.Ports()})
	if err != nil {
		t.Fatal(err)
	}
	server.Cluster, server.Token = c, claim.Token()
	server.Open(claim.Listener())
	s := &stage{Cluster: c, server: server, claim: claim, dir: dir, client: NewClient(claim.Info()), base: base}
	s.T, _ = t.(*testing.T)
	s.raw = s.client.http
	t.Cleanup(func() {
		report := c.Shutdown(context.Background())
		if len(report.Left) > 0 {
			t.Errorf("these could not be ended: %v", report.Left)
		}
		server.Finish(report)
		s.client.Close()
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := claim.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// freePorts returns the first of n free ports in a row, below the range from which the kernel takes those of clients.
func freePorts(t testing.TB, n int) int {
	t.Helper()
next:
	for range 1000 {
		base := 15000 + rand.IntN(2900) // other packages' tests, which run at the same time, have other ranges
		for port := base; port < base+n; port++ {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
			if err != nil {
				continue next
			}
			l.Close()
		}
		return base
	}
	t.Fatal("found no free ports")
	return 0
}

// await waits until something is true.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (s *stage) worker(number int) cluster.WorkerSnapshot { return s.Snapshot().Workers[number-1] }

func (s *stage) awaitAll(state cluster.State) {
	for i := range s.Snapshot().Workers {
		what := fmt.Sprintf("worker %d is %s", i+1, state)
		await(s, what, func() bool { return s.worker(i+1).State == state })
	}
}

// do sends a request and returns its status and body.
func (s *stage) do(method, path, body string) (status int, text string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.client.base+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.claim.Token())
	resp, err := s.raw.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return resp.StatusCode, string(all)
}
