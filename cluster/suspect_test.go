package cluster

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

// silence tells of one that lasts for d, as the proxy does.
func (s *stage) silence(d time.Duration) {
	for silent := 50 * time.Millisecond; silent <= d; silent += 50 * time.Millisecond {
		s.cluster.onSilence(proxy.Silence{Backend: s.worker.backend, Incarnation: s.worker.seen.Load().Incarnation, For: silent})
		time.Sleep(50 * time.Millisecond)
	}
}

// goesOn tells of a silence that has lasted for so long, for some time more.
func (s *stage) goesOn(silent, more time.Duration) {
	for end := silent + more; silent < end; silent += 50 * time.Millisecond {
		s.cluster.onSilence(proxy.Silence{Backend: s.worker.backend, Incarnation: s.worker.seen.Load().Incarnation, For: silent})
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *stage) reasons() []string {
	var reasons []string
	items, _, _ := s.cluster.events.Reader(0, false).Take(nil, 0)
	for _, e := range items {
		if e.Kind == KindState && e.Reason != "" {
			reasons = append(reasons, string(e.State)+": "+e.Reason)
		}
	}
	return reasons
}

// A process that is stopped is out of rotation at once, without a probe's patience, and back as soon as it answers.
func TestFrozenWorkerIsSeenAtOnce(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.now().frozen.Store(true)
		s.silence(50 * time.Millisecond)
		s.wantState(Unresponsive)
		if got := s.worker.status(Unresponsive); got != "coming" {
			t.Errorf("the proxy is told %s", got)
		}
		time.Sleep(2 * time.Second)
		s.wantState(Unresponsive)
		s.now().frozen.Store(false)
		time.Sleep(doubtTick)
		s.wantState(Ready)
		want := []string{"unresponsive: its process is stopped (SIGSTOP)", "ready: answers again after 2.1 s"}
		if got := s.reasons(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		if n := s.inquiries.Load(); n != 1 {
			t.Errorf("%d probes, want one", n)
		}
	})
}

// One that may be busy is asked once after half a second, has half a second for its answer, and is not asked again.
func TestSilentWorkerIsProbed(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.now().busy.Store(true)
		s.silence(450 * time.Millisecond)
		s.wantState(Ready)
		if n := s.inquiries.Load(); n != 0 {
			t.Errorf("%d probes before there was suspicion", n)
		}
		go s.goesOn(suspicious, inquiryPatience)
		time.Sleep(inquiryPatience - time.Millisecond)
		s.wantState(Ready)
		time.Sleep(2 * time.Millisecond)
		s.wantState(Unresponsive)
		if got := s.worker.status(Unresponsive); got != proxy.Suspect {
			t.Errorf("the proxy is told %s", got)
		}
		s.silence(5 * time.Second)
		s.wantState(Unresponsive)
		s.now().busy.Store(false)
		time.Sleep(doubtTick)
		s.wantState(Ready)
		if n := s.inquiries.Load(); n != 1 {
			t.Errorf("%d probes, want one", n)
		}
		if got := s.reasons(); len(got) != 2 || got[0] != "unresponsive: no answer for 1.0 s" || !strings.HasPrefix(got[1], "ready: answers again") {
			t.Errorf("told %q", got)
		}
	})
}

// A worker that is as slow as its probe, and has answered meanwhile who waited, is not suspected, however long the probe takes. The
// same silence again is none of before.
func TestSlowWorkerHasAnswered(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.now().busy.Store(true)
		s.goesOn(suspicious, 200*time.Millisecond) // then it answers
		time.Sleep(2 * time.Second)
		s.goesOn(50*time.Millisecond, 700*time.Millisecond)
		time.Sleep(time.Second)
		s.wantState(Ready)
		if got := s.states(); !slices.Equal(got, []State{Starting, Ready}) {
			t.Errorf("the states were %v", got)
		}
		s.goesOn(50*time.Millisecond, 1500*time.Millisecond)
		s.wantState(Unresponsive)
	})
}

// A worker that answers probes and is only slow stays ready, and its log does not fill with them.
func TestSlowWorkerIsSeldomProbed(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		for range 60 { // requests that take a second each
			s.silence(time.Second)
		}
		s.silence(time.Minute) // and one that takes long
		s.wantState(Ready)
		if n := s.inquiries.Load(); n < 2 || n > 24 {
			t.Errorf("%d probes in two minutes", n)
		}
		if got := s.states(); !slices.Equal(got, []State{Starting, Ready}) {
			t.Errorf("the states were %v", got)
		}
	})
}

// Whoever brings a silent worker back by hand does not bring it back into rotation.
func TestUndrainOfASilentWorker(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.now().frozen.Store(true)
		s.silence(50 * time.Millisecond)
		s.wantState(Unresponsive)
		s.cluster.Drain(1)
		s.wantState(Drained)
		s.cluster.Undrain(1)
		s.wantState(Unresponsive)
		s.cluster.Drain(1)
		s.now().frozen.Store(false)
		time.Sleep(doubtTick)
		s.wantState(Drained)
		s.cluster.Undrain(1)
		s.wantState(Ready)
	})
}

// A pause by us is no suspicion.
func TestPauseIsNoSuspicion(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.cluster.Pause(1)
		s.wantState(Paused)
		s.silence(time.Second)
		s.wantState(Paused)
		s.cluster.Resume(1)
		s.wantState(Ready)
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []State{Starting, Ready, Drained, Paused, Ready}; !slices.Equal(s.states(), want) {
			t.Errorf("the states were %v, want %v", s.states(), want)
		}
	})
}

// A frozen worker that dies, or is restarted, begins anew.
func TestFrozenWorkerIsRestarted(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		for range 2 {
			s.wantState(Ready)
			s.now().frozen.Store(true)
			s.silence(50 * time.Millisecond)
			s.wantState(Unresponsive)
			s.worker.ask(verbRestart)
			s.wantState(Ready)
			s.now().frozen.Store(true)
			s.silence(50 * time.Millisecond)
			s.wantState(Unresponsive)
			s.now().die(1, 0)
		}
		s.wantState(Ready)
	})
}

// A process that goes on and does not answer all the same may be asked again when nobody else is left; one line says so, not two.
func TestThawedWorkerThatDoesNotAnswer(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.now().frozen.Store(true)
		s.now().busy.Store(true)
		s.silence(50 * time.Millisecond)
		s.wantState(Unresponsive)
		s.now().frozen.Store(false)
		time.Sleep(inquiryPatience)
		if n := len(s.reasons()); n != 1 {
			t.Errorf("told %q", s.reasons())
		}
		time.Sleep(2 * doubtTick)
		synctest.Wait()
		if got := s.reasons(); len(got) != 2 || !strings.HasPrefix(got[1], "unresponsive: no answer for") {
			t.Errorf("told %q", got)
		}
		s.now().busy.Store(false)
		time.Sleep(doubtTick)
		s.wantState(Ready)
	})
}
