package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/metrics"
)

func metricsCommand() *cli.Command {
	return &cli.Command{
		Name:  "metrics",
		Usage: "print what Prometheus would get: counts, times and states, for every worker",
		UsageText: `lbdev metrics [flags]

lbdev metrics | grep ^lbdev_worker           of each worker
lbdev metrics --json | jq '.metrics[].name'  for scripts`,
		Description: `A Prometheus reaches the same over HTTP with  lbdev up --metrics 9090 …  and this in its settings:

  scrape_configs:
    - job_name: lbdev
      static_configs: [{targets: ["127.0.0.1:9090"]}]`,
		HideHelpCommand: true,
		OnUsageError:    usageError,
		Flags:           remoteFlags(),
		Action:          printMetrics,
	}
}

func printMetrics(c *cli.Context) error {
	r, err := attachAlone(c)
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := r.Metrics(r.ctx)
	if err != nil {
		return remoteError(err)
	}
	if !c.Bool("json") {
		_, err := c.App.Writer.Write(text)
		return err
	}
	families, err := parseMetrics(text)
	if err != nil {
		return err
	}
	return printJSON(c, families)
}

// metricFamilies is the form of --json.
type metricFamilies struct {
	Metrics []metricFamily `json:"metrics"`
}

type metricFamily struct {
	Name   string         `json:"name"`
	Help   string         `json:"help"`
	Type   string         `json:"type"`
	Series []metricSeries `json:"series"`
}

// A metricSeries is one line of a counter or gauge, or all of a histogram or summary.
type metricSeries struct {
	Labels  map[string]string `json:"labels"`
	Value   *float64          `json:"value,omitempty"` // none for one that is no number
	Count   *uint64           `json:"count,omitempty"`
	Sum     *float64          `json:"sum,omitempty"`
	Buckets []metricBucket    `json:"buckets,omitempty"` // how many were at most that much; Count were at most infinity
}

type metricBucket struct {
	LE    float64 `json:"le"`
	Count uint64  `json:"count"`
}

func parseMetrics(text []byte) (metricFamilies, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return metricFamilies{}, fmt.Errorf("cannot read the cluster's metrics: %w", err)
	}
	all := metricFamilies{Metrics: []metricFamily{}}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		f := found[name]
		family := metricFamily{Name: name, Help: f.GetHelp(), Type: metricTypes[f.GetType()]}
		for _, m := range f.GetMetric() {
			family.Series = append(family.Series, seriesOf(m))
		}
		all.Metrics = append(all.Metrics, family)
	}
	return all, nil
}

var metricTypes = map[dto.MetricType]string{
	dto.MetricType_COUNTER: "counter", dto.MetricType_GAUGE: "gauge", dto.MetricType_HISTOGRAM: "histogram",
	dto.MetricType_SUMMARY: "summary", dto.MetricType_UNTYPED: "untyped",
}

func seriesOf(m *dto.Metric) metricSeries {
	s := metricSeries{Labels: map[string]string{}}
	for _, l := range m.GetLabel() {
		s.Labels[l.GetName()] = l.GetValue()
	}
	number := func(v float64) *float64 {
		if math.IsNaN(v) || math.IsInf(v, 0) { // which JSON does not have
			return nil
		}
		return &v
	}
	switch {
	case m.GetHistogram() != nil:
		h := m.GetHistogram()
		s.Count, s.Sum = h.SampleCount, number(h.GetSampleSum())
		for _, b := range h.GetBucket() {
			if number(b.GetUpperBound()) != nil {
				s.Buckets = append(s.Buckets, metricBucket{b.GetUpperBound(), b.GetCumulativeCount()})
			}
		}
	case m.GetSummary() != nil:
		s.Count, s.Sum = m.GetSummary().SampleCount, number(m.GetSummary().GetSampleSum())
	case m.GetCounter() != nil:
		s.Value = number(m.GetCounter().GetValue())
	case m.GetGauge() != nil:
		s.Value = number(m.GetGauge().GetValue())
	default:
		s.Value = number(m.GetUntyped().GetValue())
	}
	return s
}

// openMetrics listens for Prometheus, if it is to come.
func (s *session) openMetrics(scrape http.Handler) error {
	if s.plan.metrics == "" {
		return nil
	}
	listener, err := cluster.Listen("metrics", s.plan.metrics)
	if err != nil {
		return err
	}
	s.scraped = metrics.Serve(listener, scrape)
	return nil
}

// closeMetrics lets the port go.
func (s *session) closeMetrics() {
	if s.scraped == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), doorPatience)
	defer cancel()
	s.scraped.Close(ctx)
}

// planMetrics reads where Prometheus is answered: at an address that nothing else of ours has, as lbdev would name itself as the
// program that is in the way.
func (p *plan) planMetrics(text string) (err error) {
	if p.metrics, err = parseListen(text); err != nil || p.metrics == "" {
		return err
	}
	fault := func(why string) error { return fmt.Errorf("cannot answer Prometheus on %q: %s", p.metrics, why) }
	_, portText, err := net.SplitHostPort(p.metrics)
	if err != nil || strings.HasPrefix(p.metrics, "unix:") {
		return fault("it must be PORT or ADDRESS:PORT")
	}
	if slices.Contains(append(p.config.MoreListen, p.config.Listen, p.config.Redirect), p.metrics) {
		return fault("the front is there")
	}
	port, _ := strconv.Atoi(portText) // parseListen has seen to it
	if worker := port - p.config.BasePort + 1; p.config.BasePort > 0 && worker >= 1 && worker <= p.config.Workers {
		return fault(fmt.Sprintf("the port is worker %d's", worker))
	}
	return nil
}
