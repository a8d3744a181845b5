package metrics

import (
	"net/http"
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy"
)

// Handler answers a scrape with what is known of a cluster, and of the process that runs it. version is lbdev's.
func Handler(c *cluster.Cluster, version string) http.Handler {
	registry := prometheus.NewRegistry() // not the default one, which whoever is linked in may write to
	registry.MustRegister(
		&collector{source: c.Traffic, version: version},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// A collector makes metrics of what the cluster counts.
type collector struct {
	source  func() cluster.Traffic
	version string
}

var (
	worker = []string{"worker", "port"}

	requests = describe("requests_total", "Answers, by who gave them and the class of their status. Worker 0 is lbdev itself.", "worker", "port", "code")
	duration = describe("request_duration_seconds", "Time that requests took which a worker answered.", worker...)
	first    = describe("request_first_byte_seconds", "Time from an attempt's start until the worker began to answer.", worker...)

	workerRequests = describe("worker_requests_total", "Requests that were sent to a worker, also those that another one had to answer in the end.", worker...)
	workerFailures = describe("worker_failures_total", "Attempts at a worker that failed: refused, reset, closed.", worker...)
	workerInFlight = describe("worker_in_flight", "Requests that a worker has at the moment.", worker...)
	workerRestarts = describe("worker_restarts_total", "Starts of a worker after it had ended.", worker...)
	workerWeight   = describe("worker_weight", "The worker's share in proportion to the others; 0 = it gets no requests.", worker...)
	workerEjected  = describe("worker_ejected", "1 while a worker is out of rotation for its answers of 5xx.", worker...)
	workerState    = describe("worker_state", "1 for the state that a worker is in, 0 for the others.", "worker", "port", "state")

	front    = describe("front_requests_total", "Requests that have come in.")
	inFlight = describe("in_flight", "Requests that are not over.")
	failures = describe("request_failures_total", "Requests that were answered with an error of lbdev's or a dead worker's making.")
	cut      = describe("cut_total", "Responses that ended in the middle, as their worker died.")
	canceled = describe("canceled_total", "Requests whose client went away.")
	rescued  = describe("rescued_total", "Requests that another worker answered after one had failed.")
	retries  = describe("retries_total", "Attempts beyond the first of a request.")
	heldEver = describe("held_total", "Requests that had to wait for a worker.")
	heldTime = describe("held_seconds", "Time that requests waited for a worker.")
	heldNow  = describe("held", "Requests that wait for a worker at the moment.")

	info   = describe("info", "The cluster's name and policy.", "cluster", "policy")
	build  = describe("build_info", "Which lbdev this is.", "version", "goversion")
	uptime = describe("uptime_seconds", "Time since the front was opened.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("lbdev_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (*collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		requests, duration, first, workerRequests, workerFailures, workerInFlight, workerRestarts, workerWeight, workerEjected, workerState,
		front, inFlight, failures, cut, canceled, rescued, retries, heldEver, heldTime, heldNow, info, build, uptime,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	t := c.source()
	out := sink{to}
	out.codes("0", "", t.Stats.Codes)
	for i := range t.Workers {
		out.worker(&t.Workers[i])
	}
	out.counter(front, t.Stats.Total)
	out.gauge(inFlight, float64(t.Stats.InFlight))
	out.counter(failures, t.Stats.Failed)
	out.counter(cut, t.Stats.Cut)
	out.counter(canceled, t.Stats.Canceled)
	out.counter(rescued, t.Stats.Rescued)
	out.counter(retries, t.Stats.Retries)
	out.counter(heldEver, t.Stats.Held)
	out.histogram(heldTime, &t.Stats.Waits)
	out.gauge(heldNow, float64(t.Held))
	out.gauge(info, 1, t.Name, t.Policy)
	out.gauge(build, 1, c.version, runtime.Version())
	out.gauge(uptime, t.Uptime.Seconds())
}

// A sink takes the metrics of one scrape.
type sink struct{ to chan<- prometheus.Metric }

func (s sink) worker(w *cluster.WorkerTraffic) {
	number, port := strconv.Itoa(w.Worker), strconv.Itoa(w.Port)
	s.codes(number, port, w.Codes)
	s.histogram(duration, &w.Duration, number, port)
	s.histogram(first, &w.FirstByte, number, port)
	s.counter(workerRequests, w.Requests, number, port)
	s.counter(workerFailures, w.Failures, number, port)
	s.gauge(workerInFlight, float64(w.InFlight), number, port)
	s.counter(workerRestarts, uint64(w.Restarts), number, port)
	s.gauge(workerWeight, float64(w.Weight), number, port)
	s.gauge(workerEjected, truth(w.Ejected), number, port)
	for _, state := range cluster.States() {
		s.gauge(workerState, truth(state == w.State), number, port, string(state))
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// codes sends also those that are 0: a rate begins with the first one then, and not with the second.
func (s sink) codes(worker, port string, codes proxy.Codes) {
	for class := 1; class < len(codes); class++ {
		s.counter(requests, codes[class], worker, port, strconv.Itoa(class)+"xx")
	}
}

func (s sink) counter(d *prometheus.Desc, n uint64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s sink) histogram(d *prometheus.Desc, h *proxy.Histogram, labels ...string) {
	below, buckets := uint64(0), make(map[float64]uint64, len(proxy.Bounds))
	for i, bound := range proxy.Bounds {
		below += h.Counts[i]
		buckets[bound.Seconds()] = below
	}
	s.to <- prometheus.MustNewConstHistogram(d, below+h.Counts[len(proxy.Bounds)], h.Sum.Seconds(), buckets, labels...)
}
