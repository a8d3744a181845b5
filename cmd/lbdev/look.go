package main

import (
	"os"
	"runtime"
	"strings"

	"github.com/fatih/color"
	"golang.org/x/term"

	"github.com/lbdev/lbdev/cluster"
)

// A look is how one stream shows things: its colours, its signs, its width.
type look struct {
	signs
	colour bool
	width  int // columns; 0 where the stream is no terminal
	tty    bool
}

// signs are the characters beyond ASCII, or what stands for them where they can't be shown.
type signs struct {
	up, down, arrow, bar, line, dot, ellipsis string
	drained, paused, stopped, coming          string
	plusMinus                                 string
}

var (
	unicodeSigns = signs{up: "●", down: "✗", arrow: "→", bar: "│", line: "────", dot: "·", ellipsis: "…",
		drained: "◌", paused: "‖", stopped: "○", coming: "…", plusMinus: "±"}
	asciiSigns = signs{up: "*", down: "x", arrow: "->", bar: "|", line: "----", dot: "-", ellipsis: "...",
		drained: "o", paused: "=", stopped: "-", coming: ".", plusMinus: "+-"}
)

// lookOf finds out what a stream can show. Each stream is asked for itself: stdout may be a file while stderr is a
// terminal.
func lookOf(f *os.File) look {
	l := look{signs: asciiSigns, tty: term.IsTerminal(int(f.Fd()))}
	if speaksUTF8() {
		l.signs = unicodeSigns
	}
	if l.tty {
		l.width, _, _ = term.GetSize(int(f.Fd()))
	}
	l.colour = wantsColour(l.tty)
	return l
}

// wantsColour follows no-color.org and the custom of FORCE_COLOR; NO_COLOR wins.
func wantsColour(tty bool) bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	if force := os.Getenv("FORCE_COLOR"); force != "" {
		return force != "0"
	}
	return tty && os.Getenv("TERM") != "dumb"
}

// speaksUTF8 says whether text beyond ASCII can be shown: by the locale (the first of the three that is set counts, POSIX
// 8.2), on Windows by the terminal, since its old console can't.
func speaksUTF8() bool {
	if runtime.GOOS == "windows" {
		return os.Getenv("WT_SESSION") != ""
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			value = strings.ToLower(value)
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return runtime.GOOS == "darwin"
}

// plain is the same look without colours.
func (l look) plain() look {
	l.colour = false
	return l
}

func (l look) unicode() bool { return l.signs == unicodeSigns }

// state is a state's sign and word: ● ready.
func (l look) state(s cluster.State) string {
	switch s {
	case cluster.Ready:
		return l.good(l.up) + " " + string(s)
	case cluster.Failed, cluster.Backoff, cluster.Unresponsive:
		return l.bad(l.down) + " " + string(s)
	case cluster.Drained:
		return l.drained + " " + string(s)
	case cluster.Paused:
		return l.paused + " " + string(s)
	case cluster.Stopped:
		return l.stopped + " " + string(s)
	}
	return l.coming + " " + string(s)
}

// workerColours tell the workers apart: Okabe and Ito's palette, which colour-blind people can distinguish, each colour
// moved to the nearest of the 256 that has a contrast of 3:1 or more on white as on black.
var workerColours = []color.Attribute{31, 166, 29, 133, 100, 26, 172}

func (l look) paint(text string, attributes ...color.Attribute) string {
	if !l.colour {
		return text
	}
	c := color.New(attributes...)
	c.EnableColor()
	return c.Sprint(text)
}

// worker paints text in the colour of a worker, the same wherever that worker is shown.
func (l look) worker(number int, text string) string {
	return l.paint(text, 38, 5, workerColours[max(number-1, 0)%len(workerColours)])
}

func (l look) bold(text string) string { return l.paint(text, color.Bold) }
func (l look) good(text string) string { return l.paint(text, color.FgGreen) }
func (l look) bad(text string) string  { return l.paint(text, color.FgRed) }

// status paints an HTTP status: errors of the server stand out, those of the client less so.
func (l look) status(code int, text string) string {
	switch {
	case code >= 500:
		return l.bad(text)
	case code >= 400:
		return l.paint(text, color.FgYellow)
	}
	return text
}
