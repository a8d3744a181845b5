//go:build linux || darwin

package main

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/lbdev/lbdev/procs"
)

// A keyboard gives the keys that are pressed on the controlling terminal, one by one and unseen. It is only listened to
// while lbdev is in the terminal's foreground: a job in the background that reads is stopped by SIGTTIN, and would take
// from the shell what was typed for that.
type keyboard struct {
	tty     *os.File
	before  unix.Termios // how the terminal is given back
	press   func(byte)
	signals chan os.Signal // SIGTSTP and SIGCONT
	closing chan struct{}
	loops   sync.WaitGroup

	mu sync.Mutex // guards on, and that the terminal is as on says
	on bool
	up *sync.Cond // told when on changes
}

// openKeyboard calls press for each key until close, from one goroutine. It is nil where there is no terminal to read from.
func openKeyboard(press func(byte)) *keyboard {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	// Not stdin itself: this file is ours alone, so that its reads can be ended.
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	k := &keyboard{tty: tty, press: press, signals: make(chan os.Signal, 4), closing: make(chan struct{})}
	k.up = sync.NewCond(&k.mu)
	if err := k.control(func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, getTermios)
		if err == nil {
			k.before = *t
		}
		return err
	}); err != nil {
		tty.Close()
		return nil
	}
	signal.Notify(k.signals, syscall.SIGTSTP, syscall.SIGCONT)
	k.enter()
	k.loops.Go(k.read)
	k.loops.Go(k.watch)
	return k
}

// control does something with the descriptor without changing its mode, as Fd would.
func (k *keyboard) control(do func(fd int) error) error {
	raw, err := k.tty.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) { err = do(int(fd)) }), err)
}

// enter has the terminal give single keys and not show them, if we are in its foreground. Signals stay: Ctrl-C is one.
func (k *keyboard) enter() {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.control(func(fd int) error {
		group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		if err != nil || group != unix.Getpgrp() {
			return errors.Join(err, errors.New("in the background"))
		}
		t := procs.KeyByKey(k.before)
		return unix.IoctlSetTermios(fd, setTermios, &t)
	})
	if k.on = err == nil; k.on {
		k.tty.SetReadDeadline(time.Time{})
	} else {
		k.tty.SetReadDeadline(time.Now()) // ends a read
	}
	k.up.Broadcast()
}

// underShell says whether there is a shell that could wake us when we stop: it gives its jobs groups of their own. In the group
// of the session's leader (xterm -e, docker run -it) a stop would be for ever, and the system passes over the SIGTSTP of a
// program that does not catch it (POSIX 2.4.3, orphaned process groups).
func underShell() bool {
	session, err := unix.Getsid(0)
	return err != nil || session != unix.Getpgrp()
}

func (k *keyboard) isOn() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.on
}

// leave gives the terminal back.
func (k *keyboard) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.on {
		k.on = false
		k.tty.SetReadDeadline(time.Now()) // ends a read
		k.control(func(fd int) error { return unix.IoctlSetTermios(fd, setTermios, &k.before) })
	}
	k.up.Broadcast()
}

// read is the goroutine that reads keys while it may.
func (k *keyboard) read() {
	buf := make([]byte, 64)
	for k.awaitOn() {
		n, err := k.tty.Read(buf)
		for _, b := range buf[:n] {
			k.press(b)
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return // hung up
		}
	}
}

// awaitOn waits until keys may be read; false means never.
func (k *keyboard) awaitOn() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for !k.on {
		select {
		case <-k.closing:
			return false
		default:
		}
		k.up.Wait()
	}
	return true
}

// foregroundPoll is how often it is looked whether lbdev has come to the foreground: a shell's fg tells a job that was stopped,
// but not one that ran.
const foregroundPoll = time.Second

// watch is the goroutine that gives the terminal back before Ctrl-Z stops us, and takes it again when we go on.
func (k *keyboard) watch() {
	tick := time.NewTicker(foregroundPoll)
	defer tick.Stop()
	for {
		select {
		case <-k.closing:
			return
		case <-tick.C:
			if !k.isOn() {
				k.enter()
			}
		case sig := <-k.signals:
			if sig == syscall.SIGCONT {
				k.enter()
				continue
			}
			if !underShell() {
				continue
			}
			k.leave()
			syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
		}
	}
}

// close gives the terminal back and returns when press will not be called any more. It may be called on a nil keyboard.
func (k *keyboard) close() {
	if k == nil {
		return
	}
	signal.Stop(k.signals)
	close(k.closing)
	k.leave()
	k.loops.Wait()
	k.tty.Close()
}
