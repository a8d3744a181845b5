package metrics

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// patience is how long a test waits for something that takes no time when all is well.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	misbehave.Main()
	// The goroutine that forks never returns: children with a parent-death signal die with the thread that made them.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/lbdev/lbdev/procs.(*forker).run"))
}

// open runs a cluster of real processes until the end of the test.
func open(t *testing.T, workers int) *cluster.Cluster {
	t.Helper()
	return openWith(t, cluster.Config{Command: misbehave.Argv("serve"), Workers: workers})
}

func openWith(t *testing.T, config cluster.Config) *cluster.Cluster {
	t.Helper()
	base := freePorts(t, config.Workers+1)
	config.Name, config.BasePort, config.Listen = "shop", base, fmt.Sprintf("127.0.0.1:%d", base+config.Workers)
	c, err := cluster.New(config)
	if err == nil {
		err = c.Open()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Shutdown(context.Background()) })
	awaitReady(t, c)
	return c
}

func awaitReady(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	await(t, "all workers are ready", func() bool {
		for _, w := range c.Snapshot().Workers {
			if w.State != cluster.Ready {
				return false
			}
		}
		return true
	})
}

// await waits until something is true.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// freePorts returns the first of n free ports in a row, below the range from which the kernel takes those of clients.
func freePorts(t *testing.T, n int) int {
	t.Helper()
next:
	for range 1000 {
		base := 14000 + rand.IntN(900) // other packages' tests, which run at the same time, have other ranges
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

// A scrape is what Prometheus gets.
type scrape map[string]*dto.MetricFamily

func read(t *testing.T, h http.Handler) (scrape, []byte) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	text := bytes.Clone(w.Body.Bytes())
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return families, text
}

// value is that of the series with these labels, such as "worker=1 code=2xx"; a histogram's is its count.
func (s scrape) value(t *testing.T, name, labels string) float64 {
	t.Helper()
	found, sum := false, 0.0
	for _, m := range s[name].GetMetric() {
		has := map[string]bool{}
		for _, l := range m.GetLabel() {
			has[l.GetName()+"="+l.GetValue()] = true
		}
		fits := true
		for label := range strings.FieldsSeq(labels) {
			fits = fits && has[label]
		}
		if fits {
			found = true
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	if !found {
		t.Errorf("there is no %s{%s}", name, labels)
	}
	return sum
}

// TestMetricsTellWhatPsTells: after load with kills, the numbers are those of ps --json, and the linter of Prometheus has
// nothing against them.
func TestMetricsTellWhatPsTells(t *testing.T) {
	c := open(t, 3)
	h := Handler(c, "1.2.3")
	ask(t, c, 300)
	for _, port := range c.Ports()[:2] {
		if err := c.Kill(port); err != nil {
			t.Fatal(err)
		}
		ask(t, c, 300)
	}
	awaitReady(t, c)
	await(t, "all requests over", func() bool { return c.Snapshot().Requests.InFlight == 0 })

	s, text := read(t, h)
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	now := c.Snapshot()
	equal := func(name, labels string, want uint64) {
		t.Helper()
		if got := s.value(t, name, labels); got != float64(want) {
			t.Errorf("%s{%s} is %v, ps says %d", name, labels, got, want)
		}
	}
	equal("lbdev_front_requests_total", "", now.Requests.Total)
	equal("lbdev_request_failures_total", "", now.Requests.Failed)
	equal("lbdev_rescued_total", "", now.Requests.Rescued)
	equal("lbdev_held_total", "", now.Requests.Held)
	equal("lbdev_held_seconds", "", now.Requests.Held)
	equal("lbdev_in_flight", "", 0)
	equal("lbdev_requests_total", "", now.Requests.OK)
	equal("lbdev_requests_total", "worker=0", 0)
	for _, w := range now.Workers {
		labels := "worker=" + strconv.Itoa(w.Worker) + " port=" + strconv.Itoa(w.Port)
		equal("lbdev_worker_requests_total", labels, w.Requests)
		equal("lbdev_worker_failures_total", labels, w.Failures)
		equal("lbdev_worker_restarts_total", labels, uint64(w.Restarts))
		equal("lbdev_worker_in_flight", labels, 0)
		equal("lbdev_worker_ejected", labels, 0)
		equal("lbdev_worker_weight", labels, uint64(w.Weight))
		equal("lbdev_worker_state", labels+" state=ready", 1)
		equal("lbdev_worker_state", labels, 1) // and in no other
		answers := uint64(s.value(t, "lbdev_requests_total", labels))
		equal("lbdev_requests_total", labels+" code=2xx", answers)
		equal("lbdev_request_duration_seconds", labels, answers)
		if first := s.value(t, "lbdev_request_first_byte_seconds", labels); first < float64(answers) {
			t.Errorf("%s: %v first bytes, %d answers", labels, first, answers)
		}
	}
	equal("lbdev_worker_restarts_total", "", 2)
	equal("lbdev_info", "cluster=shop policy=round-robin", 1)
	equal("lbdev_build_info", "version=1.2.3", 1)
	for _, name := range []string{"lbdev_uptime_seconds", "go_goroutines", "go_memstats_alloc_bytes"} {
		if s.value(t, name, "") <= 0 {
			t.Errorf("%s is not above 0", name)
		}
	}
}

// TestMetricsTellOfErrors: what workers answer counts for them, and what is done about it can be seen.
func TestMetricsTellOfErrors(t *testing.T) {
	c := openWith(t, cluster.Config{Command: misbehave.Argv("serve-refuse"), Workers: 2, EjectAfter: 1})
	h := Handler(c, "x")
	for range 4 {
		resp, err := http.Get(c.FrontURL())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
	await(t, "the answers are counted", func() bool {
		s, _ := read(t, h)
		return s.value(t, "lbdev_requests_total", "code=5xx") == 4
	})
	s, _ := read(t, h)
	if n := s.value(t, "lbdev_worker_ejected", ""); n != 1 { // one of two stays
		t.Errorf("%v workers are ejected", n)
	}
	if own, failed := s.value(t, "lbdev_requests_total", "worker=0"), s.value(t, "lbdev_request_failures_total", ""); own != 0 || failed != 0 {
		t.Errorf("%v answers are lbdev's, %v failures", own, failed)
	}
}

// ask sends requests, all of which must be answered with 200.
func ask(t *testing.T, c *cluster.Cluster, n int) {
	t.Helper()
	const clients = 4
	var group sync.WaitGroup
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for range clients {
		group.Go(func() {
			for range n / clients {
				resp, err := (&http.Client{Transport: transport, Timeout: patience}).Get(c.FrontURL())
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
		})
	}
	group.Wait()
}

// TestSeriesAreBounded: what clients send makes none, and every worker makes the same.
func TestSeriesAreBounded(t *testing.T) {
	c := open(t, 2)
	h := Handler(c, "x")
	_, before := read(t, h)
	for i := range 20 {
		r, _ := http.NewRequest("M"+strconv.Itoa(i), c.FrontURL()+"/"+strconv.Itoa(i), nil)
		r.Host, r.Close = "host"+strconv.Itoa(i), true
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	_, after := read(t, h)
	if b, a := ours(before), ours(after); a != b {
		t.Errorf("%d series, %d after requests", b, a)
	} else if perWorker := (b - 50) / 2; perWorker > 60 {
		t.Errorf("%d series for each worker", perWorker)
	}
}

func ours(text []byte) int { return bytes.Count(text, []byte("\nlbdev_")) }

func TestServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics") }))
	url := "http://" + listener.Addr().String()
	tests := []struct {
		method, path, host string
		status             int
	}{
		{"GET", "/metrics", "", 200},
		{"GET", "/metrics?name[]=x", "", 200},
		{"HEAD", "/metrics", "", 200},
		{"GET", "/metrics", "localhost:9090", 200},
		{"GET", "/metrics", "[::1]:9090", 200},
		{"GET", "/metrics", "host.docker.internal:9090", 200},
		{"GET", "/metrics", "devbox", 200},
		{"GET", "/metrics", "app.localhost.", 200},
		{"GET", "/metrics", "evil.example", 403},
		{"GET", "/metrics", "127.0.0.1.evil.example:9090", 403},
		{"POST", "/metrics", "", 405},
		{"GET", "/", "", 404},
		{"GET", "/v1/cluster", "", 404},
		{"POST", "/v1/shutdown", "", 404},
	}
	for _, tc := range tests {
		r, _ := http.NewRequest(tc.method, url+tc.path, nil)
		r.Host, r.Close = tc.host, true
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.status {
			t.Errorf("%s %s of %q: %d, want %d", tc.method, tc.path, tc.host, resp.StatusCode, tc.status)
		}
	}
	s.Close(context.Background())
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("it listens after Close")
	}
}

// TestOpenMetrics: a Prometheus that asks for the newer form gets it.
func TestOpenMetrics(t *testing.T) {
	c := open(t, 1)
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	Handler(c, "x").ServeHTTP(w, r)
	if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "application/openmetrics-text") || !strings.HasSuffix(w.Body.String(), "# EOF\n") {
		t.Errorf("it is %s and ends with %q", kind, w.Body.String()[max(0, w.Body.Len()-20):])
	}
}
