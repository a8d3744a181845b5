package control

import (
	"slices"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/procs"
)

// Reserve is for cluster.Config: it lets one cluster of this runtime folder choose ports at a time, and writes its choice into
// the state file, so that the next one knows of it. The ports of a cluster are promised to it as long as its lbdev lives, also
// those of workers that are stopped. Where the folder can't be locked nothing is known of others.
func (c *Claim) Reserve(choose func(cluster.Promises) ([]int, error)) error {
	var promised cluster.Promises
	unlock, err := c.dir.lock(false)
	if err == nil {
		defer unlock()
		promised = c.promised()
	}
	ports, err := choose(promised)
	if err != nil {
		return err
	}
	c.Update(func(info *Info) { info.BasePort, info.Ports = ports[0], ports }) // the choice stands, whether others know of it or not
	return nil
}

// promised are the ports of the other clusters; the lock is held.
func (c *Claim) promised() cluster.Promises {
	p := cluster.Promises{}
	stems, err := c.dir.stems()
	if err != nil {
		return p
	}
	for _, stem := range slices.DeleteFunc(stems, func(stem string) bool { return stem == c.stem }) {
		info, err := c.dir.read(stem)
		if err != nil || !sameProcess(info) {
			continue
		}
		for _, port := range info.Ports {
			p[port] = cluster.Holder{PID: info.PID, Program: "lbdev"}
		}
	}
	return p
}

// sameProcess says whether the process that a state file names is there; another one may have its number by now.
func sameProcess(info Info) bool {
	start, ok := procs.StartTime(info.PID)
	return ok && (info.ProcStart == 0 || start == info.ProcStart)
}
