package control

import (
	"errors"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
)

// reserveTwo takes the first two ports from 1 on that are not promised.
func reserveTwo(t *testing.T, c *Claim) (ports []int) {
	err := c.Reserve(func(promised cluster.Promises) ([]int, error) {
		for port := 1; len(ports) < 2; port++ {
			if _, ok := promised[port]; !ok {
				ports = append(ports, port)
			}
		}
		return ports, nil
	})
	if err != nil {
		t.Error(err)
	}
	return ports
}

// TestReserveKeepsClustersApart has eight choose at once: none gets what another one has, also of those that give up theirs.
func TestReserveKeepsClustersApart(t *testing.T) {
	dir := Dir(t.TempDir() + "/run")
	start, _ := procs.StartTime(os.Getpid())
	var claims []*Claim
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		c, err := dir.Claim(Info{Name: name, ProcStart: start})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		claims = append(claims, c)
	}
	var mu sync.Mutex
	var all []int
	var group sync.WaitGroup
	for _, c := range claims {
		group.Go(func() {
			ports := reserveTwo(t, c)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, ports...)
		})
	}
	group.Wait()
	slices.Sort(all)
	for i, port := range all {
		if port != i+1 {
			t.Fatalf("eight have chosen %v", all)
		}
	}
	if info := claims[3].Info(); len(info.Ports) != 2 || info.BasePort != info.Ports[0] {
		t.Errorf("the state file says %+v", info)
	}
	freed := claims[3].Info().Ports
	claims[3].Close()
	if got := reserveTwo(t, claims[0]); !slices.Equal(got, freed) && !slices.Equal(got, claims[0].Info().Ports) {
		t.Errorf("the next one chose %v, free are %v", got, freed)
	}
}

// TestReserveForgetsTheDead: what a crashed lbdev was promised is free, also if another process has its number; and what
// could not be chosen is not promised.
func TestReserveForgetsTheDead(t *testing.T) {
	dir := Dir(t.TempDir() + "/run")
	crashed, err := dir.Claim(Info{Name: "crashed", ProcStart: 12345})
	if err != nil {
		t.Fatal(err)
	}
	defer crashed.Close()
	reserveTwo(t, crashed)
	c, err := dir.Claim(Info{Name: "next"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	no := errors.New("cannot choose")
	if err := c.Reserve(func(cluster.Promises) ([]int, error) { return []int{9}, no }); err != no || len(c.Info().Ports) != 0 {
		t.Errorf("%v, %+v", err, c.Info())
	}
	if got := reserveTwo(t, c); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("chosen were %v", got)
	}
}
