package cluster

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lbdev/lbdev/proxy/balance"
)

// cookiePrefix begins the name of our own cookie.
const cookiePrefix = "lbdev_worker"

// A Balancing is how workers are chosen for requests. In a change, what is nil stays as it is.
type Balancing struct {
	Policy    *string        // see balance.Rules
	Sticky    *string        // see balance.NewSticky
	SlowStart *time.Duration // see proxy.Pool.SetSlowStart
}

// A Share is how much a worker gets. In a change, what is nil stays as it is.
type Share struct {
	Weight *int  `json:"weight,omitempty"` // 0 to balance.MaxWeight; 0 = nothing new
	Backup *bool `json:"backup,omitempty"` // it gets requests only when no other worker is ready
}

// A RuleError says that there is no such policy, weight or the like.
type RuleError struct{ Err error }

func (e *RuleError) Error() string { return e.Err.Error() }
func (e *RuleError) Unwrap() error { return e.Err }

func ruleError(format string, args ...any) error { return &RuleError{fmt.Errorf(format, args...)} }

// SetBalancing changes how workers are chosen: all of what is asked for, or after a *RuleError nothing. No request and no connection is
// lost. A policy that is in use already goes on where it is.
func (c *Cluster) SetBalancing(change Balancing) error {
	c.balancing.Lock()
	defer c.balancing.Unlock()
	before := c.Balanced()
	if err := c.refused(change); err != nil {
		return err
	}
	if err := c.rebalance(change); err != nil {
		return err
	}
	c.following.poke()
	if now := c.Balanced(); now != before {
		c.notice("balancing: %s", now)
	}
	return nil
}

// rebalance is SetBalancing without a word.
func (c *Cluster) rebalance(change Balancing) error {
	policy, sticky, err := c.readBalancing(change)
	if err != nil {
		return err
	}
	if policy != nil && policy.Name() != c.pool.Policy() {
		c.pool.SetPolicy(policy)
	}
	if change.Sticky != nil {
		c.pool.SetSticky(sticky)
	}
	if change.SlowStart != nil {
		c.pool.SetSlowStart(*change.SlowStart)
	}
	return nil
}

// readBalancing checks all before anything is changed.
func (c *Cluster) readBalancing(change Balancing) (policy balance.Policy, sticky *balance.Sticky, err error) {
	if change.Policy != nil {
		if policy, err = c.config.newPolicy(*change.Policy); err != nil {
			return nil, nil, &RuleError{err}
		}
	}
	if change.Sticky != nil {
		if sticky, err = c.config.newSticky(*change.Sticky, c.cookieName()); err != nil {
			return nil, nil, &RuleError{err}
		}
	}
	if d := change.SlowStart; d != nil && *d < 0 {
		return nil, nil, ruleError("cannot start slowly for %v: the time must be 0 or more", *d)
	}
	return policy, sticky, nil
}

// cookieName is the name of our own cookie.
func (c *Cluster) cookieName() string {
	if address, ok := c.front.openings[0].Addr().(*net.TCPAddr); ok {
		return cookieFor(address.Port)
	}
	return cookiePrefix
}

// cookieFor has the front's port in the name, if it has one, as cookies don't care for ports: two clusters on one machine would take each
// other's.
func cookieFor(port int) string {
	if port == 0 {
		return cookiePrefix
	}
	return cookiePrefix + "_" + strconv.Itoa(port)
}

// A Balanced says in words how workers are chosen.
type Balanced struct {
	Policy    string
	Sticky    string // off, cookie, …
	SlowStart time.Duration
}

// Balanced is how workers are chosen now.
func (c *Cluster) Balanced() Balanced {
	return Balanced{c.pool.Policy(), c.pool.Sticky().String(), c.pool.SlowStart()}
}

// Balanced is how workers were chosen then.
func (s *Snapshot) Balanced() Balanced {
	return Balanced{s.Policy, s.Sticky, time.Duration(s.SlowMS) * time.Millisecond}
}

// String is such as "least-conn, sticky by cookie, slow start 10s".
func (b Balanced) String() string {
	parts := []string{b.Policy}
	if b.Sticky != "off" && b.Sticky != "" {
		parts = append(parts, "sticky by "+b.Sticky)
	}
	if b.SlowStart > 0 {
		parts = append(parts, "slow start "+b.SlowStart.String())
	}
	return strings.Join(parts, ", ")
}

// SetShare changes how much a worker gets: all of what is asked for, or after a *RuleError nothing. A weight is a worker's as long as
// it is there, through all of its restarts.
func (c *Cluster) SetShare(id int, change Share) error {
	w, err := c.find(id)
	if err != nil {
		return err
	}
	if change.Weight != nil {
		if err := checkWeight(w.worker, *change.Weight); err != nil {
			return &RuleError{err}
		}
	}
	c.balancing.Lock()
	defer c.balancing.Unlock()
	defer c.following.poke()
	weight, backup := w.backend.Share()
	if n := change.Weight; n != nil && *n != weight {
		w.backend.SetWeight(*n)
		w.tellShare(fmt.Sprintf("worker %d has weight %d now", w.worker, *n))
	}
	if b := change.Backup; b != nil && *b != backup {
		w.backend.SetBackup(*b)
		text := fmt.Sprintf("worker %d is a backup now", w.worker)
		if !*b {
			text = fmt.Sprintf("worker %d is no backup any more", w.worker)
		}
		w.tellShare(text)
	}
	return nil
}

func (w *worker) tellShare(text string) {
	w.cluster.publish(Event{Kind: KindNotice, Worker: w.worker, Port: w.port, Incarnation: w.seen.Load().Incarnation, Text: text})
}

func checkWeight(worker, weight int) error {
	if weight < 0 || weight > balance.MaxWeight {
		return fmt.Errorf("cannot give worker %d weight %d: it must be 0 to %d", worker, weight, balance.MaxWeight)
	}
	return nil
}

// balancing is what the Config asks for.
func (c *Config) balancing() Balancing {
	b := Balancing{Sticky: &c.Sticky, SlowStart: &c.SlowStart}
	if c.Policy != "" {
		b.Policy = &c.Policy
	}
	return b
}

// balance gives a new worker the share that was asked for.
func (w *worker) balance() {
	weight, backup := w.cluster.shares.Load().of(w.worker)
	w.backend.SetWeight(weight)
	w.backend.SetBackup(backup)
}

// numberOf is the number of the worker with that number or port; ports are those that the Config asks for, whatever they become. 0 =
// there is none.
func (c *Config) numberOf(id int) int {
	base := c.BasePort
	if base == 0 {
		base = defaultBasePort
	}
	switch {
	case id >= 1 && id <= c.workers():
		return id
	case id >= base && id < base+c.workers():
		return id - base + 1
	}
	return 0
}

// validateBalancing reports the faults of what concerns the choice of workers.
func (c *Config) validateBalancing(fault func(field, format string, args ...any)) {
	if c.Policy != "" {
		if _, err := c.newPolicy(c.Policy); err != nil {
			fault("Policy", "%w", err)
		}
	}
	if _, err := c.newSticky(c.Sticky, cookiePrefix); err != nil {
		fault("Sticky", "%w", err)
	}
	if c.SlowStart < 0 {
		fault("SlowStart", "cannot start slowly for %v: the time must be 0 or more", c.SlowStart)
	}
	seen := map[int]bool{}
	for id, weight := range c.Weight {
		n := c.numberOf(id)
		switch err := checkWeight(id, weight); {
		case n == 0:
			fault("Weight", "cannot give worker %d a weight: there are 1 to %d", id, c.workers())
		case err != nil:
			fault("Weight", "%w", err)
		case seen[n]:
			fault("Weight", "cannot give worker %d two weights", n)
		}
		seen[n] = true
	}
	if len(c.Weight) == c.workers() && !slices.ContainsFunc(slices.Collect(maps.Values(c.Weight)), func(weight int) bool { return weight != 0 }) {
		fault("Weight", "cannot give all workers weight 0: nobody would get requests")
	}
	for _, id := range c.Backup {
		if c.numberOf(id) == 0 {
			fault("Backup", "cannot make worker %d a backup: there are 1 to %d", id, c.workers())
		}
	}
}
