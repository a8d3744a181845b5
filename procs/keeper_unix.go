//go:build linux || darwin

package procs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// A guardian that lived shorter than shortLife is replaced after a delay, which doubles from minDelay to maxDelay.
	shortLife = time.Second
	minDelay  = time.Millisecond
	maxDelay  = time.Second
)

// errReleased ends a keeper.
var errReleased = errors.New("cannot start a guardian: the guard was released")

// A keeper sees to it that there is a guardian. What it has is under the mutex of its guard; only its own goroutine, and
// endWithUs before there is one, starts guardians.
type keeper struct {
	guard    *Guard
	guardian *exec.Cmd
	pipe     *os.File // its stdin, of which we have the only writing end; nil while there is no guardian
	born     time.Time
}

// run replaces the guardian whenever it is gone, until the guard is released.
func (k *keeper) run() {
	failing := false
	for delay := k.watch(0); k.pause(delay); {
		switch err := k.start(); {
		case err == nil:
			failing = false
			delay = k.watch(delay)
		case errors.Is(err, errReleased):
			return
		default:
			if !failing {
				k.guard.report(err)
			}
			failing = true
			delay = longer(delay)
		}
	}
}

// watch returns when the guardian is gone, with the delay of its successor.
func (k *keeper) watch(delay time.Duration) time.Duration {
	k.guardian.Wait() // however it ended
	k.guard.mu.Lock()
	defer k.guard.mu.Unlock()
	k.pipe.Close()
	k.pipe = nil
	if time.Since(k.born) >= shortLife {
		return 0
	}
	return longer(delay)
}

func longer(delay time.Duration) time.Duration { return min(max(2*delay, minDelay), maxDelay) }

// pause waits, and says whether to go on.
func (k *keeper) pause(delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.guard.ending:
		return false
	}
}

// start starts a guardian. It knows everything from its first breath, as that is in its pipe before.
func (k *keeper) start() error {
	g := k.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.released {
		return errReleased
	}
	r, w, err := os.Pipe() // close-on-exec: nobody else gets the writing end
	if err != nil {
		return fmt.Errorf("cannot start a guardian: %w", err)
	}
	defer r.Close()
	cmd, err := guardianCommand(r)
	if err == nil {
		err = write(w, g.everything())
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.Close()
		return fmt.Errorf("cannot start a guardian: %w", err)
	}
	k.guardian, k.pipe, k.born = cmd, w, time.Now()
	g.introduce(k)
	return nil
}

// guardianCommand is this program as a guardian, in a session of its own, as what is typed and closed on our terminal is
// none of its business. It has our output not open: whoever reads that wants to see its end. It bears the marks that we
// bear, but not ours: guardsName has that in a form that does not count as bearing it.
func guardianCommand(stdin *os.File) (*exec.Cmd, error) {
	path := selfPath
	if _, err := os.Stat(path); err != nil {
		if path, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	return &exec.Cmd{
		Path: path,
		// No "lbdev" in it: pkill -9 -f lbdev is meant for us.
		Args:        []string{guardianWord, guardianWord, strconv.Itoa(os.Getpid())},
		Env:         append(os.Environ(), "GOMAXPROCS=1", "GOGC=20", guardsName+"="+strings.TrimPrefix(OurMark(), ownPrefix)),
		Dir:         "/",
		Stdin:       stdin,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}, nil
}

// identity is what identifies the guardian for good.
func (k *keeper) identity() member {
	pid := k.guardian.Process.Pid
	p, _ := look(pid) // we have not reaped it: the pid is its own
	return member{pid: pid, start: p.start}
}

// tell tells the guardian. One whose pipe is full has not read for long: it was stopped, or is out of its mind. Its
// successor will know everything.
func (k *keeper) tell(text string) {
	if k.pipe != nil && write(k.pipe, text) != nil {
		k.guardian.Process.Kill()
	}
}

// dismiss has the guardian leave, also if it was stopped.
func (k *keeper) dismiss() {
	if k.pipe != nil {
		k.tell(byeWord + "\n")
		k.guardian.Process.Signal(syscall.SIGCONT)
	}
}

// write writes all of text at once or fails, and never waits: os.Pipe gives ends that do not block.
func write(w *os.File, text string) error {
	conn, err := w.SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var writeErr error
	err = conn.Write(func(fd uintptr) bool {
		n, writeErr = unix.Write(int(fd), []byte(text))
		return true
	})
	if err = errors.Join(err, writeErr); err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	return err
}
