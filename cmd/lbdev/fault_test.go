package main

import (
	"strings"
	"testing"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy/fault"
)

// TestFaultOrder reads arguments in any order.
func TestFaultOrder(t *testing.T) {
	tests := []struct {
		words, workers string
		set            bool
		plan, err      string
	}{
		{"", "all", false, "", ""},
		{"8001 2,3", "8001,2,3", false, "", ""},
		{"reset", "all", true, "", ""},
		{"off", "all", true, "", ""},
		{"8001 off", "8001", true, "", ""},
		{"reset 8001", "8001", true, "", ""},
		{"8001 reset=5% latency=1s", "8001", true, "latency=1s reset=5%", ""},
		{"errors=10% all", "all", true, "errors=10%", ""},
		{"errors=10%", "", true, "", `cannot set fault "errors=10%": no worker was named`},
		{"8001 off errors=10%", "8001", true, "", "cannot end faults and set some at once"},
		{"8001 latency", "8001", true, "", `cannot use fault "latency": it needs a value, such as latency=`},
		{"8001 slow", "8001", true, "", `cannot use fault "slow": there are latency,`},
		{"8001 errors=10", "8001", true, "", `cannot use fault "errors=10": it takes a share`},
	}
	for _, tc := range tests {
		o, err := faultOrderOf(strings.Fields(tc.words))
		if tc.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tc.err) || faultHint(err) == "" {
				t.Errorf("%q: %v, want %s", tc.words, err, tc.err)
			}
			continue
		}
		if err != nil || o.workers != tc.workers || o.set != tc.set || o.plan.String() != tc.plan {
			t.Errorf("%q: %+v, %v", tc.words, o, err)
		}
	}
}

// TestFaultsAreShown: in the table only if there is one, and without a character that the terminal does not have.
func TestFaultsAreShown(t *testing.T) {
	workers := []cluster.WorkerSnapshot{
		{Worker: 1, Port: 8000, State: cluster.Ready},
		{Worker: 2, Port: 8001, State: cluster.Ready, Fault: "latency=500ms±100ms errors=10%", FaultLeftMS: 25_000},
	}
	unicode, ascii := look{signs: unicodeSigns}, look{signs: asciiSigns}
	if got, want := unicode.faultLine(workers[1]), "8001 ~ latency=500ms±100ms errors=10% · for 25 s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := unicode.faultLine(workers[0]); got != "8000 no fault" {
		t.Errorf("%q", got)
	}
	if got := ascii.faultSet(workers[1].Fault); got != "~ fault: latency=500ms+-100ms errors=10%" {
		t.Errorf("%q", got)
	}
	if got := string(ascii.table(cluster.Snapshot{Workers: workers})); !strings.Contains(got, "FAULT\n") || !strings.Contains(got, " ~ latency=500ms+-100ms errors=10%\n") {
		t.Errorf("the table is\n%s", got)
	}
	if got := string(ascii.table(cluster.Snapshot{Workers: workers[:1]})); strings.Contains(got, "FAULT") {
		t.Errorf("without faults the table is\n%s", got)
	}
}

// TestFaultCandidatesAreFaults: whatever is offered can be typed.
func TestFaultCandidatesAreFaults(t *testing.T) {
	app := testApp()
	offered := strings.Fields(values(complete(app, "fault 8001 ")))
	if len(offered) != 1+len(fault.Examples) || offered[0] != "off" {
		t.Fatalf("offered are %q", offered)
	}
	for _, word := range offered[1:] {
		if _, err := fault.Parse(word); err != nil {
			t.Error(err)
		}
	}
	if got := values(complete(app, "fault re")); got != "reset" {
		t.Errorf("offered are %q", got)
	}
}
