package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// A keyboard gives the keys that are pressed in the console, one by one and unseen.
type keyboard struct {
	console windows.Handle
	before  uint32 // the console's mode
}

// openKeyboard calls press for each key until close, from one goroutine. It is nil where there is no console.
func openKeyboard(press func(byte)) *keyboard {
	k := &keyboard{console: windows.Handle(os.Stdin.Fd())}
	if windows.GetConsoleMode(k.console, &k.before) != nil {
		return nil
	}
	if windows.SetConsoleMode(k.console, k.before&^(windows.ENABLE_LINE_INPUT|windows.ENABLE_ECHO_INPUT)) != nil {
		return nil
	}
	go k.read(press)
	return k
}

// read is the goroutine that reads keys. A read of the console can't be ended: it ends with the process.
func (k *keyboard) read(press func(byte)) {
	buf := make([]byte, 64)
	for {
		n, err := os.Stdin.Read(buf)
		if err != nil {
			return
		}
		for _, b := range buf[:n] {
			press(b)
		}
	}
}

// close gives the console back. It may be called on a nil keyboard.
func (k *keyboard) close() {
	if k != nil {
		windows.SetConsoleMode(k.console, k.before)
	}
}
