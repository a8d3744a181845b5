package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy/balance"
)

// TestShareOrders reads the arguments of lbdev weight.
func TestShareOrders(t *testing.T) {
	for words, want := range map[string]string{
		"":                   "",
		"8001 3":             "8001:3",
		"2 1":                "2:1",
		"1 2,3 0":            "1,2,3:0",
		"all 5":              "all:5",
		"8001=3 8002=1":      "8001:3 8002:1",
		"4 backup":           "4:backup",
		"4=backup 3=primary": "4:backup 3:primary",
		"8001=3 8002 8003 2": "8001:3 8002,8003:2",
		"8001":               "cannot change the weight of 8001: it is not said to what",
		"8001 8002":          `cannot use weight "8002": it must be 0 to 256`,
		"8001 heavy":         `cannot use weight "heavy"`,
		"8001 1.5":           `cannot use weight "1.5"`,
		"8001=":              `cannot use weight ""`,
		"=3":                 "cannot change the weight of =3",
		"8001 3 8002=1":      "cannot change the weight of 8001, 3",
	} {
		orders, err := shareOrdersOf(strings.Fields(words))
		var got []string
		for _, o := range orders {
			switch s := o.share; {
			case s.Weight != nil:
				got = append(got, fmt.Sprintf("%s:%d", o.workers, *s.Weight))
			default:
				got = append(got, o.workers+map[bool]string{true: ":backup", false: ":primary"}[*s.Backup])
			}
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != want && (err == nil || !strings.HasPrefix(text, want)) {
			t.Errorf("%q: %s, want %s", words, text, want)
		}
	}
}

// TestWeightFlags reads --weight and --backup, of the command line, the environment or the file.
func TestWeightFlags(t *testing.T) {
	weights, err := parseWeights([]string{"1=3, 8002=0", "2=5"})
	if err != nil || !maps.Equal(weights, map[int]int{1: 3, 8002: 0, 2: 5}) {
		t.Errorf("%v, %v", weights, err)
	}
	backups, err := parseBackups([]string{"3,8003", "2"})
	if err != nil || !slices.Equal(backups, []int{3, 8003, 2}) {
		t.Errorf("%v, %v", backups, err)
	}
}

// TestWeightColumn is there only if it says something.
func TestWeightColumn(t *testing.T) {
	workers := []cluster.WorkerSnapshot{{Worker: 1, Weight: 1}, {Worker: 2, Weight: 1}}
	if rows := weightColumn(workers, [][]cell{nil, nil, nil}); len(rows[0]) != 0 {
		t.Errorf("%v", rows)
	}
	workers[1].Backup = true
	rows := weightColumn(workers, [][]cell{nil, nil, nil})
	if rows[0][0].plain != "WEIGHT" || rows[1][0].plain != "1" || rows[2][0].plain != "1 backup" {
		t.Errorf("%v", rows)
	}
}

// TestPolicyCandidatesArePolicies: whatever is offered can be typed, and stands in the help of up.
func TestPolicyCandidatesArePolicies(t *testing.T) {
	help := balancingFlags()[0].String()
	for _, c := range policyCandidates() {
		if _, err := balance.New(c.value); err != nil {
			t.Error(err)
		}
	}
	for _, r := range balance.Rules() {
		if !strings.Contains(help, r.Name) || !strings.Contains(policyHelp(), r.Name) {
			t.Errorf("the help does not name %s: %s", r.Name, help)
		}
	}
}
