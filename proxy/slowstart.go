package proxy

import (
	"time"
)

// rampSteps is in how many steps the share of a new process grows to what it shall be.
const rampSteps = 16

// SetSlowStart makes the share of a process that has just become ready grow from a sixteenth to its whole weight in that time: it may
// have caches to fill and code to compile. 0 = it gets its share at once. It does not hold for the first start, when all are new, nor
// for a process that was only out of rotation.
func (p *Pool) SetSlowStart(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slowStart = max(d, 0)
	p.publish()
}

// SlowStart is the time in which the share of a new process grows; 0 = it has it at once.
func (p *Pool) SlowStart() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.slowStart
}

// settle notes that the first start is over: nothing is coming any more. p.mu is held.
func (p *Pool) settle(v *view) { p.settled = p.settled || len(v.ready) > 0 && !v.hopeful }

// warmUp notes that a process has become ready for the first time; p.mu is held.
func (p *Pool) warmUp(up *upstream) {
	if !up.served && p.settled && p.slowStart > 0 {
		up.cold = time.Now()
	}
	up.served = true
}

// warmth is how far processes are from cold to rampSteps; warming = at least one is not there yet. p.mu is held.
func (p *Pool) warmth(ups []*upstream) (warm []int, warming bool) {
	warm = make([]int, len(ups))
	for i, up := range ups {
		warm[i] = rampSteps
		if p.slowStart == 0 || up.cold.IsZero() {
			continue
		}
		if since := time.Since(up.cold); since < p.slowStart {
			warm[i], warming = max(1, int(rampSteps*since/p.slowStart)), true
		} else {
			up.cold = time.Time{} // a longer SlowStart that comes later is not for it
		}
	}
	return warm, warming
}

// ramp sees to it that shares go on growing; p.mu is held.
func (p *Pool) ramp() {
	if !p.ramping || p.climbing {
		return
	}
	p.climbing = true
	time.AfterFunc(p.slowStart/rampSteps+1, p.climb)
}

// climb is what the timer calls, as long as a share grows.
func (p *Pool) climb() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.climbing = false
	p.publish()
}
