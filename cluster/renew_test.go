package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// tells is a child that answers with a variable of its environment.
func tells() []string { return []string{os.Args[0], "tell", "LBDEV_TEST_SAYS"} }

// tell is that child.
func tell(name string) {
	http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, os.Getenv(name)) }))
	os.Exit(1)
}

// traffic asks the front without a pause until the test says so, and tells how many requests there were. None may fail.
func (r *real) traffic() (stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	var mu sync.Mutex
	asked := 0
	for range 4 {
		clients.Go(func() {
			client := &http.Client{Timeout: patience}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				resp, err := client.Get(r.FrontURL())
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						err = errors.New(resp.Status)
					}
				}
				mu.Lock()
				asked++
				mu.Unlock()
				if err != nil {
					r.Errorf("a request failed: %v", err)
				}
			}
		})
	}
	return func() int {
		cancel()
		clients.Wait()
		return asked
	}
}

// says is what each worker answers.
func (r *real) says() map[int]string {
	said := map[int]string{}
	for _, port := range r.Ports() {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err != nil {
			r.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		said[port-r.base] = string(text)
	}
	return said
}

// TestRenew holds that every worker gets the new settings and no client notices.
func TestRenew(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	config := Config{Command: tells(), Env: []string{"LBDEV_TEST_SAYS=old"}, Workers: 3}
	c := open(t, config)
	c.awaitAll(3, Ready)
	stop := c.traffic()
	config.Env = []string{"LBDEV_TEST_SAYS=new {worker}"}
	if err := c.Renew(t.Context(), config, nil); err != nil {
		t.Fatal(err)
	}
	if n := stop(); n == 0 {
		t.Error("nobody has asked for anything")
	}
	for i, said := range c.says() {
		if said != fmt.Sprintf("new %d", i+1) {
			t.Errorf("worker %d says %q", i+1, said)
		}
	}
	if failed := c.Snapshot().Requests.Failed; failed != 0 {
		t.Errorf("%d requests failed", failed)
	}
	if err := c.Scale(t.Context(), 4, nil); err != nil {
		t.Fatal(err)
	}
	c.await(1, Ready, 2)
	c.Kill(1)
	c.await(1, Ready, 3)
	if said := c.says(); said[3] != "new 4" || said[0] != "new 1" {
		t.Errorf("a new worker says %q, and one that was killed %q", said[3], said[0])
	}
}

// TestRenewToWhatDoesNotBoot holds that all goes on with the old settings, also with the worker on which the new ones were tried.
func TestRenewToWhatDoesNotBoot(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	config := Config{Command: tells(), Env: []string{"LBDEV_TEST_SAYS=old"}, Workers: 2}
	c := open(t, config)
	c.awaitAll(2, Ready)
	stop := c.traffic()
	next := config
	next.Command = misbehave.Argv("boot")
	err, ok := errors.AsType[*ComeBackError](c.Renew(t.Context(), next, nil))
	if !ok || err.Worker != 1 || err.Left != 1 {
		t.Fatalf("the error is %v", err)
	}
	c.awaitAll(2, Ready)
	stop()
	if said := c.says(); said[0] != "old" || said[1] != "old" {
		t.Errorf("they say %v", said)
	}
	if log := c.log(); !strings.Contains(log, "the settings from before count again, and worker 1 starts with them") {
		t.Errorf("it does not say so\n%s", log)
	}
	if w := c.worker(2); w.Incarnation != 1 {
		t.Errorf("the other worker is in incarnation %d", w.Incarnation)
	}
	events, _, _ := c.Events().Reader(0, false).Take(nil, 0)
	i := slices.IndexFunc(events, func(e Event) bool { return e.State == Failed }) // which people may read when the command from before counts again
	if i < 0 || !slices.Equal(events[i].Argv, next.Command) {
		t.Errorf("%q failed; the events are %+v", next.Command, events)
	}
}

// TestRenewOfTheOnlyWorker holds that a cluster does not end, and no request fails, because its one worker can't be started with new settings.
func TestRenewOfTheOnlyWorker(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"fails": func(c *Config) { c.Command = misbehave.Argv("boot") },
		"stops": func(c *Config) { c.Command, c.Restart = misbehave.Argv("boot"), RestartNever },
	} {
		t.Run(name, func(t *testing.T) {
			defer http.DefaultClient.CloseIdleConnections()
			config := Config{Command: tells(), Env: []string{"LBDEV_TEST_SAYS=old"}, Workers: 1}
			c := open(t, config)
			c.await(1, Ready, 0)
			stop := c.traffic()
			next := config
			change(&next)
			if err := c.Renew(t.Context(), next, nil); err == nil {
				t.Fatal("there is no error")
			}
			c.await(1, Ready, 0)
			stop()
			if said := c.says(); said[0] != "old" {
				t.Errorf("it says %v", said)
			}
			select {
			case <-c.Over():
				t.Errorf("the cluster is over: %v", c.Verdict())
			default:
			}
		})
	}
}

// TestExportAfterRenew holds that what counts now is exported.
func TestExportAfterRenew(t *testing.T) {
	config := Config{Command: tells(), Env: []string{"LBDEV_TEST_SAYS=old"}, Workers: 1}
	c := open(t, config)
	c.await(1, Ready, 0)
	config.Env, config.ReadyPath, config.StopTimeout = append(config.Env, "B=1"), "/up", 3*time.Second
	if err := c.Renew(t.Context(), config, nil); err != nil {
		t.Fatal(err)
	}
	c.SetHold(7 * time.Second)
	got := c.Export()
	if !slices.Equal(got.Env, []string{"B", "LBDEV_TEST_SAYS"}) || got.ReadyPath != "/up" || got.StopMS != 3000 || got.HoldMS != 7000 {
		t.Errorf("got %+v", got)
	}
}

// TestRenewRefuses holds that what can't be right changes nothing.
func TestRenewRefuses(t *testing.T) {
	config := Config{Command: tells(), Workers: 1}
	c := open(t, config)
	c.await(1, Ready, 0)
	for name, change := range map[string]func(*Config){
		"no such program": func(c *Config) { c.Command = []string{"/no/such/program"} },
		"path":            func(c *Config) { c.ReadyPath = "healthz" },
		"sockets":         func(c *Config) { c.Env = []string{"X={socket}"} },
	} {
		next := config
		change(&next)
		if err := c.Renew(t.Context(), next, nil); err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
	if w := c.worker(1); w.Incarnation != 1 || w.State != Ready {
		t.Errorf("the worker is %s in incarnation %d", w.State, w.Incarnation)
	}
	if got := c.Argv(c.base); got[1] != "tell" {
		t.Errorf("the command is %q", got)
	}
}

// TestRenewRestartPolicy holds that it counts without a restart.
func TestRenewRestartPolicy(t *testing.T) {
	config := Config{Command: misbehave.Argv("serve"), Workers: 2}
	c := open(t, config)
	c.awaitAll(2, Ready)
	next := config
	next.Restart, next.StopTimeout, next.ReadyTimeout = RestartNever, 10*time.Second, time.Minute // the last two are the defaults
	if err := c.Renew(t.Context(), next, nil); err != nil {
		t.Fatal(err)
	}
	if w := c.worker(1); w.Incarnation != 1 {
		t.Errorf("the worker was restarted")
	}
	process, err := os.FindProcess(c.worker(1).PID)
	if err != nil {
		t.Fatal(err)
	}
	process.Kill()
	c.await(1, Stopped, 1)
}

// TestRenewIsOneAtATime holds that a second one is refused.
func TestRenewIsOneAtATime(t *testing.T) {
	config := Config{Command: tells(), Workers: 1}
	c := open(t, config)
	c.await(1, Ready, 0)
	next := config
	next.Env = []string{"A=1"}
	var second error
	err := c.Renew(t.Context(), next, func(s Step) {
		if s.State == Stopping {
			second = c.Renew(t.Context(), config, nil)
		}
	})
	if err != nil || !errors.Is(second, ErrRolling) {
		t.Errorf("the first ended with %v, the second with %v", err, second)
	}
}

func TestSetShares(t *testing.T) {
	config := Config{Command: misbehave.Argv("serve"), Workers: 3, Weight: map[int]int{1: 3}, Backup: []int{3}}
	c := open(t, config)
	config.BasePort = c.base
	c.awaitAll(3, Ready)
	next := config
	next.Workers, next.Weight, next.Backup = 4, map[int]int{c.base + 1: 2, 4: 5}, nil
	if err := c.SetShares(next); err != nil {
		t.Fatal(err)
	}
	if err := c.Scale(t.Context(), 4, nil); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 2, 1, 5} {
		if w := c.worker(i + 1); w.Weight != want || w.Backup {
			t.Errorf("worker %d has weight %d, backup %v", i+1, w.Weight, w.Backup)
		}
	}
}

func TestSetHold(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 1, Hold: -1})
	c.await(1, Ready, 0)
	c.SetHold(patience)
	c.Stop(1)
	c.await(1, Stopped, 0)
	c.Start(1) // its request waits for it
	c.get("/")
}
