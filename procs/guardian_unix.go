//go:build linux || darwin

package procs

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guardianWord is the argument that makes this program a guardian, and what it is called by ps and killall.
const guardianWord = "guardian"

// What a guardian is told, a line each.
const (
	markWord = "mark" // MARK START: what all bear that is to be ended, and when the one who started them started
	treeWord = "tree" // PID START: a tree was started; its leader
	goneWord = "gone" // PID START: nobody of a tree is left
	peerWord = "peer" // PID START: another guardian
	byeWord  = "bye"  // nothing is to be ended
)

// killTime is how long a guardian tries. What it cannot kill in that time, nobody can.
const killTime = 10 * time.Second

// GuardianMain plays the guardian that EndWithUs needs, if that is what this process is, and exits. Otherwise it returns at
// once. Call it first in main, and in TestMain where a test calls EndWithUs.
func GuardianMain() {
	if len(os.Args) < 2 || os.Args[1] != guardianWord {
		return
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE, syscall.SIGTSTP,
		syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM)
	if _, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), getTermios); err != nil && guard(os.Stdin) {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "cannot guard: nobody says what. This is a part of lbdev up, which starts it by itself")
	os.Exit(2)
}

// guard listens until the end of stdin, and ends what it was told of unless it heard bye. It is false if it was told nothing
// that makes sense.
func guard(stdin io.Reader) bool {
	rename()
	closeInherited()
	g := &guardian{family: newFamily()}
	lines := make(chan string)
	go g.read(stdin, lines)
	var looks <-chan time.Time
	if lookEvery > 0 {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		looks = ticker.C
	}
	for {
		select {
		case line, open := <-lines:
			switch {
			case open && line == byeWord:
				return g.told
			case open:
				if !g.hear(line) && !g.told {
					return false
				}
			default:
				if g.told {
					g.act()
				}
				return g.told
			}
		case <-looks:
			g.family.scan() // those who are seen now are known when nothing leads to them any more
		}
	}
}

// closeInherited closes what whoever started lbdev has left open, as in "lbdev up 3>file". Exec has closed all others, so these
// are the ones that it would not close; the runtime's would be.
func closeInherited() {
	entries, _ := os.ReadDir("/dev/fd")
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}

// A guardian is one side of a guard: the process that outlives us.
type guardian struct {
	family *family
	peers  []member
	told   bool

	terminal string // its path, if it is to be given back
	settings unix.Termios
}

// read passes on what it reads. It ends with its input, and the process soon after.
func (g *guardian) read(stdin io.Reader, lines chan<- string) {
	scanner := bufio.NewScanner(stdin)
	for scanner.Scan() {
		lines <- scanner.Text()
	}
	close(lines)
}

// hear takes in a line, and says whether it made sense.
func (g *guardian) hear(line string) bool {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return false
	}
	if fields[0] == terminalWord {
		return g.told && g.hearTerminal(fields[1], fields[2])
	}
	start, err := strconv.ParseUint(fields[2], 10, 64)
	if err != nil {
		return false
	}
	if fields[0] == markWord && isMark(fields[1]) {
		g.family.mark, g.family.kin.since, g.told = []byte(fields[1]), start, true
		return true
	}
	pid, err := strconv.Atoi(fields[1])
	if err != nil || pid <= 1 || !g.told {
		return false
	}
	leaders := g.family.kin.leaders
	switch fields[0] {
	case treeWord:
		leaders[pid] = start
	case goneWord:
		if leaders[pid] == start {
			delete(leaders, pid)
		}
	case peerWord:
		g.peers = append(g.peers, member{pid: pid, start: start})
	default:
		return false
	}
	return true
}

// act ends everything. A guardian that was stopped is woken by its peer, which it would outlive otherwise.
func (g *guardian) act() {
	for _, peer := range g.peers {
		signalOne(peer, syscall.SIGCONT) // who is gone needs it no more
	}
	if g.terminal != "" {
		giveBack(g.terminal, &g.settings)
	}
	g.family.kill(killTime)
}
