package cluster

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// ErrSockets says that workers can't go from ports to sockets, or back, while the cluster runs: the proxy would have to reach both.
var ErrSockets = errors.New("cannot change whether workers listen on ports or on sockets while they run")

// Validate reports every fault of a Config at once, each a *FieldError. New does it too.
func (c *Config) Validate() error { return c.validate() }

// Renew has the workers run with what next says of their processes: Command, Environ, Env, EnvFile, Restart, Ready, ReadyPath, ReadyTimeout,
// StopSignal, StopTimeout and Health. The rest of next is not looked at. They are restarted one by one, see RollingRestart, unless none
// of these is new to them but Restart, which counts at once. A worker that dies meanwhile comes back with the new settings.
//
// If the first of them does not come back with the new settings, they are dropped: all goes on with the old ones, with which that worker is
// started again, and the error is a *ComeBackError. If a later one does not, it stays as it is, and the new ones count for all.
func (c *Cluster) Renew(ctx context.Context, next Config, step func(Step)) error {
	if !c.rolling.TryLock() {
		return ErrRolling
	}
	defer c.rolling.Unlock()
	before := c.launch.Load()
	after := before.launching(&next)
	if err := after.validate(); err != nil {
		return err
	}
	if after.usesSockets() != (c.sockets != "") {
		return ErrSockets
	}
	if c.ending.Load() {
		return fmt.Errorf("cannot restart the workers: %w", errEnding)
	}
	c.launch.Store(after)
	if !before.launchesAs(after) || c.behind(after) {
		return c.replace(ctx, before, step)
	}
	return nil
}

// behind says whether a worker runs with other settings, as those do that were not restarted because one before them did not come back.
func (c *Cluster) behind(now *Config) bool {
	return slices.ContainsFunc(c.all(), func(w *worker) bool {
		ran := w.seen.Load().config
		return ran != nil && !ran.launchesAs(now)
	})
}

// replace restarts the workers, and goes back to the settings before if the first of them can't be started with the new ones.
func (c *Cluster) replace(ctx context.Context, before *Config, step func(Step)) error {
	workers := c.rollingOrder()
	if len(workers) > 0 {
		c.trial.Store(workers[0])
	}
	defer c.endTrial()
	err := c.roll(ctx, workers, step)
	failed, ok := errors.AsType[*ComeBackError](err)
	if !ok || failed.Left < len(workers)-1 || c.ending.Load() {
		return err
	}
	c.launch.Store(before)
	c.notice("the settings from before count again, and worker %d starts with them", failed.Worker)
	if w, found := c.find(failed.Worker); found == nil {
		w.ask(verbRestart) // its one error is that it is being taken away
	}
	return err
}

// endTrial has the end of every worker count again.
func (c *Cluster) endTrial() {
	c.trial.Store(nil)
	c.settle()
}

// onTrial says whether a worker that has come to its end with new settings will be started with those from before: requests wait for that,
// and a cluster of which it is the only worker does not end.
func (w *worker) onTrial() bool { return w.over && w.cluster.trial.Load() == w }

// launching is the Config with what another one says of workers' processes.
func (c *Config) launching(next *Config) *Config {
	after := *c
	after.Command, after.Secrets, after.Environ, after.Env, after.EnvFile = next.Command, next.Secrets, next.Environ, next.Env, next.EnvFile
	after.Restart, after.Ready, after.ReadyPath, after.ReadyTimeout = next.Restart, next.Ready, next.ReadyPath, next.ReadyTimeout
	after.StopSignal, after.StopTimeout, after.Health = next.StopSignal, next.StopTimeout, next.Health
	return &after
}

// launchesAs says whether two Configs differ in nothing that a process gets to feel from its start to its stop.
func (c *Config) launchesAs(other *Config) bool {
	same := *c.launching(other)
	same.Restart = c.Restart
	for _, f := range []func(*Config) any{
		func(c *Config) any { return c.Command }, func(c *Config) any { return c.environ() }, func(c *Config) any { return c.Env }, func(c *Config) any { return c.EnvFile },
		func(c *Config) any { return c.ready() }, func(c *Config) any { return c.ReadyPath }, func(c *Config) any { return c.readyTimeout() },
		func(c *Config) any { return c.stopSignal() }, func(c *Config) any { return c.stopTimeout() }, func(c *Config) any { return c.Health },
	} {
		if !reflect.DeepEqual(f(c), f(&same)) {
			return false
		}
	}
	return true
}

// shares is what workers get, by their numbers. It is never changed.
type shares struct {
	weight map[int]int
	backup map[int]bool
}

// shares are those that the Config asks for.
func (c *Config) shares() *shares {
	s := &shares{map[int]int{}, map[int]bool{}}
	for id, weight := range c.Weight {
		s.weight[c.numberOf(id)] = weight
	}
	for _, id := range c.Backup {
		s.backup[c.numberOf(id)] = true
	}
	return s
}

// of is the share of one worker: weight 1 and no backup if nothing was said of it.
func (s *shares) of(worker int) (weight int, backup bool) {
	weight, said := s.weight[worker]
	if !said {
		weight = 1
	}
	return weight, s.backup[worker]
}

// SetShares gives every worker the share that a Config's Weight and Backup have for it, and 1 to those that they don't name. Those that a
// Scale adds later get theirs, too. Next is a Config that Validate has nothing against.
func (c *Cluster) SetShares(next Config) error {
	s := next.shares()
	c.shares.Store(s)
	var faults []error
	for _, w := range c.all() {
		weight, backup := s.of(w.worker)
		faults = append(faults, c.SetShare(w.worker, Share{Weight: &weight, Backup: &backup}))
	}
	return errors.Join(faults...)
}

// SetHold changes how long a request waits when no worker is ready; see Config.Hold. Those that wait already are not concerned.
func (c *Cluster) SetHold(d time.Duration) error {
	if err := c.needsProxy("change how long requests wait"); err != nil {
		return err
	}
	c.proxy.SetHold(d)
	c.notice("requests wait up to %v when no worker is ready", max(c.proxy.Holds(), 0))
	return nil
}
