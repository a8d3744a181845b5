package cluster

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
	"github.com/lbdev/lbdev/proxy/fault"
)

func planOf(t *testing.T, text string) fault.Plan {
	p, err := fault.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// faultsTold are the texts of the events of faults.
func faultsTold(c *Cluster) string {
	var texts []string
	items, _, _ := c.Events().Reader(0, false).Take(nil, 0)
	for _, e := range items {
		if e.Kind == KindFault {
			texts = append(texts, e.Text)
		}
	}
	return strings.Join(texts, "|")
}

// TestFaultStandsThroughRestarts: it belongs to the worker, and ends with it.
func TestFaultStandsThroughRestarts(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	if err := c.SetFault(c.base+1, planOf(t, "errors=503"), 0); err != nil {
		t.Fatal(err)
	}
	c.Kill(2)
	c.await(2, Ready, 2)
	if w := c.worker(2); w.Fault != "errors=503" || w.FaultLeftMS != 0 {
		t.Errorf("after a restart the worker is %+v", w)
	}
	for range 2 {
		resp, err := http.Get(c.FrontURL())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		bad := resp.Header.Get("X-Lbdev-Worker") == strconv.Itoa(c.base+1)
		if bad != (resp.StatusCode == 503) || bad != (resp.Header.Get(fault.Header) != "") {
			t.Errorf("%d, %v", resp.StatusCode, resp.Header)
		}
	}
	c.Scale(t.Context(), 1, nil)
	c.Scale(t.Context(), 2, nil)
	if w := c.worker(2); w.Fault != "" {
		t.Errorf("a new worker has the fault %q", w.Fault)
	}
	if err := c.SetFault(7, fault.Plan{}, 0); err == nil {
		t.Error("there is no worker 7")
	}
	if got := faultsTold(c.Cluster); got != "errors=503" {
		t.Errorf("told was %q", got)
	}
}

// TestFaultEndsByItself, unless another one was set meanwhile.
func TestFaultEndsByItself(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		want := func(plan string, left time.Duration) {
			s.Helper()
			synctest.Wait()
			if got := s.worker.backend.Fault().String(); got != plan || s.worker.fault.left(time.Now()) != left {
				s.Errorf("%q for %v, want %q for %v", got, s.worker.fault.left(time.Now()), plan, left)
			}
		}
		s.cluster.SetFault(1, planOf(t, "reset=5%"), time.Minute)
		s.cluster.SetFault(1, planOf(t, "reset=6%"), time.Hour)
		time.Sleep(time.Minute)
		want("reset=6%", 59*time.Minute)
		s.cluster.SetFault(1, planOf(t, "reset=7%"), time.Second)
		time.Sleep(time.Second)
		want("", 0)
		s.cluster.SetFault(1, fault.Plan{}, 0) // there is none: nothing to tell
		if got, want := faultsTold(s.cluster), "reset=5%|reset=6%|reset=7%|"; got != want {
			s.Errorf("told was %q, want %q", got, want)
		}
	})
}

// TestMuteWorkerIsUnresponsive: whom a fault has answer nothing at all is treated as a worker that does so by itself, and is back
// when the fault is over.
func TestMuteWorkerIsUnresponsive(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	c.SetFault(1, planOf(t, "blackhole=100%"), 0)
	began := time.Now()
	if port := c.get("/"); port != c.base+1 {
		t.Errorf("%d has answered", port)
	}
	took := time.Since(began)
	t.Logf("the request took %v", took)
	if took > longRequest/2 {
		t.Errorf("the request took %v", took)
	}
	c.await(1, Unresponsive, 1)
	c.SetFault(1, fault.Plan{}, 0)
	c.await(1, Ready, 1)
}

// TestWorkerThatDiesLosesWhatItHasSwallowed kills a worker that has a request in its black hole: another one answers it.
func TestWorkerThatDiesLosesWhatItHasSwallowed(t *testing.T) {
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 2})
	c.awaitAll(2, Ready)
	c.SetFault(1, planOf(t, "blackhole=100%"), 0)
	answered := make(chan int, 1)
	go func() { answered <- c.get("/") }()
	for end := time.Now().Add(patience); c.worker(1).InFlight == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no request came")
		}
	}
	c.Kill(1)
	if port := <-answered; port != c.base+1 {
		t.Errorf("%d has answered", port)
	}
}
