package cluster

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lbdev/lbdev/procs"
)

// A fakeProcess lives until it is told to end, or a test lets it die.
type fakeProcess struct {
	started   time.Time
	ignores   bool // SIGTERM
	frozen    atomic.Bool
	busy      atomic.Bool // it answers nothing
	sick      atomic.Bool // its health checks fail
	once      sync.Once
	done      chan struct{}
	exit      procs.Exit
	becomes   chan struct{}  // closed when it shall answer the prober
	gotSignal chan os.Signal // every signal it was sent
}

func (p *fakeProcess) Pid() int                 { return 4711 }
func (p *fakeProcess) Done() <-chan struct{}    { return p.done }
func (p *fakeProcess) Exit() procs.Exit         { return p.exit }
func (p *fakeProcess) Drained() <-chan struct{} { return p.done }
func (p *fakeProcess) Tree() []int              { return []int{4711} }

func (p *fakeProcess) Frozen(int) (frozen, known bool) { return p.frozen.Load(), true }

func (p *fakeProcess) Pause() error  { p.frozen.Store(true); return nil }
func (p *fakeProcess) Resume() error { p.frozen.Store(false); return nil }

func (p *fakeProcess) die(code int, sig syscall.Signal) {
	p.once.Do(func() {
		p.exit = procs.Exit{Code: code, Signal: sig, Time: time.Now(), Ran: time.Since(p.started)}
		close(p.done)
	})
}

func (p *fakeProcess) End(ctx context.Context, sig os.Signal, grace time.Duration) procs.Ended {
	p.gotSignal <- sig
	if !p.ignores && sig != syscall.SIGKILL {
		p.die(0, 0)
	}
	select {
	case <-p.done:
		return procs.Ended{}
	case <-time.After(grace):
	case <-ctx.Done():
	}
	p.die(-1, syscall.SIGKILL)
	return procs.Ended{Killed: []int{4711}}
}

// A stage is one worker in fake time, in a world without sockets and processes.
type stage struct {
	*testing.T
	cluster   *Cluster
	worker    *worker
	mu        sync.Mutex
	starts    []*fakeProcess
	fails     error       // what the next start returns
	taken     atomic.Bool // a stranger answers on the port
	inquiries atomic.Int64
	checks    atomic.Int64
	born      func(n int, p *fakeProcess) // what becomes of the n-th process
}

// play runs f with a worker whose n-th process is shaped by born.
func play(t *testing.T, config Config, born func(int, *fakeProcess), f func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		config.Command, config.Environ = []string{os.Args[0]}, []string{}
		config.Workers = 1
		c, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		s := &stage{T: t, cluster: c, born: born}
		c.world = world{start: s.start, answers: func(int) bool { return s.taken.Load() }, probe: s.probe, inquire: s.inquire, check: s.check}
		c.front = &front{openings: []opening{{Listener: fakeListener{}}}}
		s.worker = newWorker(c, 1, 8000)
		c.list.Store(&[]*worker{s.worker})
		go s.worker.loop()
		synctest.Wait()
		f(s)
		s.worker.ask(verbRetire)
		<-s.worker.done
		c.hurry()
		c.goroutines.Wait()
	})
}

func (s *stage) start(procs.Config) (process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return nil, s.fails
	}
	for _, p := range s.starts {
		select {
		case <-p.done:
		default:
			s.Error("a second incarnation was started while one lives")
		}
	}
	p := &fakeProcess{started: time.Now(), done: make(chan struct{}), becomes: make(chan struct{}), gotSignal: make(chan os.Signal, 100)}
	s.starts = append(s.starts, p)
	if s.born != nil {
		s.born(len(s.starts), p)
	} else {
		close(p.becomes)
	}
	return p, nil
}

func (s *stage) probe(ctx context.Context, _ *worker, r *run) bool {
	select {
	case <-r.proc.(*fakeProcess).becomes:
		return true
	case <-ctx.Done():
	case <-r.proc.Done():
	}
	return false
}

func (s *stage) check(context.Context, *worker, *HealthCheck) error {
	s.checks.Add(1)
	if s.now().sick.Load() {
		return errors.New("answered by 500")
	}
	return nil
}

func (s *stage) inquire(ctx context.Context, _ *worker, r *run) bool {
	s.inquiries.Add(1)
	p := r.proc.(*fakeProcess)
	for p.frozen.Load() || p.busy.Load() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Millisecond):
		}
	}
	return true
}

func (s *stage) now() *fakeProcess {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts[len(s.starts)-1]
}

func (s *stage) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.starts)
}

func (s *stage) wantState(want State) {
	s.Helper()
	synctest.Wait()
	if got := s.worker.seen.Load().State; got != want {
		s.Fatalf("state is %s, want %s", got, want)
	}
}

func (s *stage) states() []State {
	var states []State
	items, _, _ := s.cluster.events.Reader(0, false).Take(nil, 0)
	for _, e := range items {
		if e.Kind == KindState {
			states = append(states, e.State)
		}
	}
	return states
}

func TestWorkerRestartsAtOnceAndThenSlower(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		want := []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second}
		for i, d := range want {
			s.wantState(Ready)
			died := time.Now()
			s.now().die(1, 0)
			for s.worker.seen.Load().State != Ready || s.count() != i+2 {
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
			}
			if took := time.Since(died); took < d*9/10 || took > d*11/10+20*time.Millisecond {
				s.Errorf("death %d: back after %v, want %v ± 10 %%", i+1, took, d)
			}
		}
		time.Sleep(stableAfter + time.Second)
		s.now().die(1, 0)
		s.wantState(Ready) // ten seconds of peace have made the next restart immediate again
	})
}

func TestWorkerIsGivenUpAfterThreeDeathsBeforeReady(t *testing.T) {
	never := func(int, *fakeProcess) {}
	play(t, Config{}, never, func(s *stage) {
		for range 3 {
			s.wantState(Starting)
			s.now().die(7, 0)
			time.Sleep(time.Second)
		}
		s.wantState(Failed)
		if got := s.worker.seen.Load().Reason; got != "exited with code 7 before it was ready (3 times)" {
			s.Errorf("the reason is %q", got)
		}
		select {
		case <-s.cluster.Over():
		default:
			s.Fatal("all workers have failed and the cluster is not over")
		}
		if err := s.cluster.Verdict(); !errors.Is(err, ErrAllFailed) {
			s.Errorf("the verdict is %v", err)
		}
		s.worker.ask(verbStart)
		s.wantState(Starting) // a start by hand clears the counters
	})
}

func TestWorkerThatIsNeverReady(t *testing.T) {
	play(t, Config{ReadyTimeout: time.Second}, func(int, *fakeProcess) {}, func(s *stage) {
		time.Sleep(time.Minute)
		s.wantState(Failed)
		if err := s.cluster.Verdict(); !errors.Is(err, ErrNeverReady) {
			s.Errorf("the verdict is %v", err)
		}
		if n := s.count(); n != bootAttempts {
			s.Errorf("%d starts, want %d", n, bootAttempts)
		}
	})
}

func TestWorkerStopBeatsRestart(t *testing.T) {
	play(t, Config{}, func(_ int, p *fakeProcess) { p.ignores = true; close(p.becomes) }, func(s *stage) {
		s.wantState(Ready)
		s.worker.ask(verbRestart)
		s.wantState(Stopping)
		s.worker.ask(verbStop)
		time.Sleep(time.Minute)
		s.wantState(Stopped)
		if s.count() != 1 {
			s.Errorf("%d starts, want the first one only", s.count())
		}
		if n, sig := len(s.now().gotSignal), <-s.now().gotSignal; n != 1 || sig != syscall.SIGTERM {
			s.Errorf("the process got %d signals, the first %v; want one SIGTERM", n, sig)
		}
	})
}

func TestWorkerStartWhileStoppingComesBack(t *testing.T) {
	play(t, Config{}, func(_ int, p *fakeProcess) { p.ignores = true; close(p.becomes) }, func(s *stage) {
		s.wantState(Ready)
		s.worker.ask(verbStop)
		s.wantState(Stopping)
		s.worker.ask(verbStart)
		time.Sleep(time.Minute)
		s.wantState(Ready)
		if s.count() != 2 {
			s.Errorf("%d starts, want 2", s.count())
		}
	})
}

func TestWorkerKillOfAStubbornStopTakesEffectAtOnce(t *testing.T) {
	play(t, Config{StopTimeout: time.Hour}, func(_ int, p *fakeProcess) { p.ignores = true; close(p.becomes) }, func(s *stage) {
		s.wantState(Ready)
		s.worker.ask(verbStop)
		s.wantState(Stopping)
		s.worker.ask(verbKill)
		time.Sleep(time.Second)
		s.wantState(Stopped)
	})
}

func TestWorkerKillIsNotHeldAgainstTheApp(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		for range 20 {
			s.wantState(Ready)
			if err := s.worker.ask(verbKill); err != nil {
				s.Fatal(err)
			}
			s.wantState(Ready)
		}
		if s.count() != 21 {
			s.Errorf("%d starts, want 21", s.count())
		}
	})
}

func TestWorkerKillWithoutAProcessIsRefused(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.worker.ask(verbStop)
		s.wantState(Stopped)
		if err := s.worker.ask(verbKill); err == nil {
			s.Error("a stopped worker was killed without an error")
		}
	})
}

func TestWorkerWaitsForAPortWithoutBurningRetries(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.taken.Store(true)
		s.now().die(1, 0)
		time.Sleep(10 * time.Minute)
		s.wantState(Backoff)
		if s.count() != 1 {
			s.Errorf("%d starts on a port that a stranger has", s.count())
		}
		waiting := 0
		for _, state := range s.states() {
			if state == Backoff {
				waiting++
			}
		}
		if waiting != 2 { // one for the death, one for the port
			s.Errorf("%d backoff events, want 2: %v", waiting, s.states())
		}
		s.taken.Store(false)
		time.Sleep(portPoll)
		s.wantState(Ready)
	})
}

func TestWorkerRestartPolicies(t *testing.T) {
	for _, tc := range []struct {
		policy RestartPolicy
		code   int
		want   State
	}{
		{RestartAlways, 0, Ready}, {RestartAlways, 1, Ready},
		{RestartOnFailure, 0, Stopped}, {RestartOnFailure, 1, Ready},
		{RestartNever, 0, Stopped}, {RestartNever, 1, Stopped},
	} {
		play(t, Config{Restart: tc.policy}, nil, func(s *stage) {
			s.wantState(Ready)
			s.now().die(tc.code, 0)
			s.wantState(tc.want)
			if tc.want != Stopped {
				return
			}
			<-s.cluster.Over()
			if failed := s.cluster.Verdict() != nil; failed != (tc.code != 0) {
				s.Errorf("%s, exit code %d: the verdict is %v", tc.policy, tc.code, s.cluster.Verdict())
			}
		})
	}
}

func TestWorkerThatCannotStartFails(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		s.wantState(Ready)
		s.mu.Lock()
		s.fails = exec.ErrNotFound
		s.mu.Unlock()
		s.now().die(1, 0)
		s.wantState(Failed)
	})
}

// TestWorkerIsStartedAgainWhenTheSystemIsShortOfSomething: that passes, and if it does not the worker is given up as any other.
func TestWorkerIsStartedAgainWhenTheSystemIsShortOfSomething(t *testing.T) {
	play(t, Config{}, nil, func(s *stage) {
		short := func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.fails = err
		}
		s.wantState(Ready)
		short(syscall.EAGAIN)
		s.now().die(1, 0)
		s.wantState(Backoff)
		short(nil)
		time.Sleep(time.Second)
		s.wantState(Ready)
		short(syscall.EAGAIN)
		s.now().die(1, 0)
		time.Sleep(time.Minute)
		s.wantState(Failed)
		if got, want := s.worker.seen.Load().Reason, syscall.EAGAIN.Error()+" (3 times)"; got != want {
			s.Errorf("the reason is %q, want %q", got, want)
		}
	})
}

func TestDelay(t *testing.T) {
	for n := range 100 {
		if d := delay(n); d < 0 || d > longestDelay*11/10 {
			t.Fatalf("delay(%d) is %v", n, d)
		}
	}
}

// A fakeListener has an address and nothing else.
type fakeListener struct{ net.Listener }

func (fakeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// TestWorkerKillBringsItBackWhateverThePolicy: the policy is for what the app does by itself.
func TestWorkerKillBringsItBackWhateverThePolicy(t *testing.T) {
	never := func(int, *fakeProcess) {}
	play(t, Config{Restart: RestartNever}, never, func(s *stage) {
		s.wantState(Starting)
		if err := s.cluster.Kill(1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		s.wantState(Starting)
		if s.count() != 2 {
			t.Errorf("%d starts, want 2", s.count())
		}
	})
}
