package fault

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

func TestParse(t *testing.T) {
	tests := []struct {
		text, canonical string // empty = the text itself
		want            Plan
	}{
		{"", "", Plan{}},
		{"latency=500ms", "", Plan{Latency: Latency{Mean: 500 * ms, Share: All}}},
		{"latency=500ms±100ms errors=10%", "", Plan{Latency: Latency{500 * ms, 100 * ms, All}, Errors: Errors{500, 10 * percent}}},
		{"latency=500ms+-100ms:20%", "latency=500ms±100ms:20%", Plan{Latency: Latency{500 * ms, 100 * ms, 20 * percent}}},
		{"latency=0.5s±0s", "latency=500ms", Plan{Latency: Latency{Mean: 500 * ms, Share: All}}},
		{"errors=503", "", Plan{Errors: Errors{503, All}}},
		{"errors=503:2.5%", "", Plan{Errors: Errors{503, 25_000}}},
		{"errors=500:3%", "errors=3%", Plan{Errors: Errors{500, 3 * percent}}},
		{"blackhole=0.0001%", "", Plan{Blackhole: 1}},
		{"reset=05.50%", "reset=5.5%", Plan{Reset: 55_000}},
		{"refuse=100%", "", Plan{Refuse: All}},
		{"bandwidth=64KB/s", "bandwidth=64kB/s", Plan{Bandwidth: Bandwidth{64_000, All}}},
		{"bandwidth=1.5MiB:10%", "bandwidth=1536KiB/s:10%", Plan{Bandwidth: Bandwidth{3 << 19, 10 * percent}}},
		{"bandwidth=1B/s", "", Plan{Bandwidth: Bandwidth{1, All}}},
		{" reset=50%\n errors=50% ", "errors=50% reset=50%", Plan{Errors: Errors{500, 50 * percent}, Reset: 50 * percent}},
	}
	for _, tc := range tests {
		got, err := Parse(tc.text)
		if err != nil || got != tc.want {
			t.Errorf("%q: %+v, %v; want %+v", tc.text, got, err, tc.want)
		}
		if tc.canonical == "" {
			tc.canonical = tc.text
		}
		if got.String() != tc.canonical {
			t.Errorf("%q prints as %q, want %q", tc.text, got, tc.canonical)
		}
	}
	for _, e := range Examples {
		if p, err := Parse(e.Fault); err != nil || p.String() != e.Fault {
			t.Errorf("the example %q is %q, %v", e.Fault, p, err)
		}
	}
}

// TestParseRefuses: every wrong form is told what is right.
func TestParseRefuses(t *testing.T) {
	tests := []struct{ text, why string }{
		{"latncy=5ms", "there are latency, errors, blackhole, reset, refuse and bandwidth"},
		{"8001", "there are latency"},
		{"reset", "it needs a value, such as reset=5%"},
		{"reset=", "it needs a value"},
		{"reset=5% reset=6%", "given twice"},
		{"latency=500", "it takes a time"},
		{"latency=+500ms", "it takes a time"},
		{"latency=0s", "above 0 and at most 1h0m0s"},
		{"latency=-1s", "above 0"},
		{"latency=2h", "at most 1h"},
		{"latency=5ms±6ms", "no longer than the one before"},
		{"latency=5ms±", "what follows ± must be a time"},
		{"latency=5ms±-1ms", "what follows ±"},
		{"latency=5ms±1ms±1ms", "what follows ±"},
		{"latency=5ms:", "a share of the requests is"},
		{"latency=5ms:1%:2%", "a share of the requests is"},
		{"errors=10", "a share of the requests, a status from 400 to 599, or both"},
		{"errors=200", "a status from 400 to 599"},
		{"errors=0503", "a status from 400 to 599"},
		{"errors=10%:503", "a share of the requests"},
		{"errors=0%", "above 0 and at most 100"},
		{"errors=101%", "at most 100"},
		{"errors=1e1%", "a number with %"},
		{"reset=5", "a number with %"},
		{"reset=+5%", "a number with %"},
		{"reset=.5%", "a number with %"},
		{"reset=5.%", "a number with %"},
		{"reset=0.00001%", "four digits"},
		{"reset=99999999999999999999%", "a number with %"},
		{"bandwidth=50", "in B, kB, MB"},
		{"bandwidth=50kb/s", "in B, kB, MB"},
		{"bandwidth=kB/s", "1B/s to 1000GB/s"},
		{"bandwidth=-5kB/s", "in B, kB, MB"},
		{"bandwidth=1e3kB/s", "in B, kB, MB"},
		{"bandwidth=0kB/s", "1B/s to 1000GB/s"},
		{"bandwidth=1001GB/s", "1B/s to 1000GB/s"},
		{"bandwidth=5kBkB/s", "in B, kB, MB"},
		{"errors=60% reset=41%", "101% of the requests together"},
	}
	for _, tc := range tests {
		p, err := Parse(tc.text)
		if _, ok := errors.AsType[*SyntaxError](err); !ok || p != (Plan{}) || !strings.Contains(err.Error(), tc.why) || !strings.HasPrefix(err.Error(), "cannot use fault ") {
			t.Errorf("%q: %+v, %v; want an error with %q", tc.text, p, err, tc.why)
		}
	}
}

// plans draws plans as Parse may return them.
func plans() *rapid.Generator[Plan] {
	return rapid.Custom(func(t *rapid.T) Plan {
		share := func(most Share, name string) Share { return Share(rapid.Int64Range(0, int64(most)).Draw(t, name)) }
		var p Plan
		left := All
		for _, to := range []*Share{&p.Errors.Share, &p.Blackhole, &p.Reset, &p.Refuse} {
			*to = share(left, "share")
			left -= *to
		}
		if p.Errors.Share > 0 {
			p.Errors.Status = rapid.IntRange(400, 599).Draw(t, "status")
		}
		if p.Latency.Share = share(All, "latency share"); p.Latency.Share > 0 {
			p.Latency.Mean = time.Duration(rapid.Int64Range(1, int64(maxLatency)).Draw(t, "mean"))
			p.Latency.Jitter = time.Duration(rapid.Int64Range(0, int64(p.Latency.Mean)).Draw(t, "jitter"))
		}
		if p.Bandwidth.Share = share(All, "bandwidth share"); p.Bandwidth.Share > 0 {
			p.Bandwidth.Rate = rapid.Int64Range(1, maxRate).Draw(t, "rate")
		}
		return p
	})
}

// TestPrintedPlansAreRead: what String prints is the same plan.
func TestPrintedPlansAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := plans().Draw(t, "plan")
		if got, err := Parse(p.String()); err != nil || got != p {
			t.Fatalf("%+v prints as %q, which is %+v, %v", p, p, got, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("latency=500ms±100ms:20% errors=503:10% blackhole=1% reset=0.5% refuse=2% bandwidth=1.5MiB/s:5%")
	f.Add("errors=10% latency=1s+-1s")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(p.String())
		if err != nil || again != p {
			t.Errorf("%q is %+v, which prints as %q, which is %+v, %v", text, p, p, again, err)
		}
		sum := p.Errors.Share + p.Blackhole + p.Reset + p.Refuse
		if sum > All || p.Latency.Jitter > p.Latency.Mean || p.Latency.Share > 0 && p.Latency.Mean <= 0 || p.Bandwidth.Share > 0 && p.Bandwidth.Rate < 1 {
			t.Errorf("%q was read as %+v", text, p)
		}
	})
}
