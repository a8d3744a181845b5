package misbehave

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func ignoreTerm([]string) {
	signal.Ignore(syscall.SIGTERM, os.Interrupt)
	up()
}

func ignoreHup([]string) {
	signal.Ignore(syscall.SIGHUP)
	up()
}

func deaf(args []string) {
	signal.Ignore(syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	for range number(args, 0, 0) {
		start(child("deaf"))
	}
	up()
}

func slowTerm(args []string) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, os.Interrupt)
	fmt.Println("up")
	<-told
	fmt.Println("ending")
	pause(number(args, 0, 200))
	fmt.Println("ended")
}

func count(args []string) {
	told := make(chan os.Signal, 100)
	signal.Notify(told, syscall.SIGTERM, os.Interrupt)
	fmt.Println("up")
	<-told
	n := 1
	over := time.After(time.Duration(number(args, 0, 200)) * time.Millisecond)
	for {
		select {
		case <-told:
			n++
		case <-over:
			fmt.Println("signals", n)
			return
		}
	}
}

// tree starts one child less than it was told, which does the same.
func tree(args []string) {
	if depth := number(args, 0, 2); depth > 0 {
		start(child("tree", strconv.Itoa(depth-1)))
	}
	up()
}

func session([]string) {
	start(inSession(child("wait")))
	up()
}

func sessionDeaf([]string) {
	start(inSession(child("ignore-term")))
	up()
}

func leave([]string) {
	start(child("wait"))
	os.Exit(5)
}

// viaOther starts a child in a session of its own by way of one that exits, so that the system's init becomes its parent.
// It returns when that is so.
func viaOther(env []string, mode ...string) {
	middle := inSession(child("middle", mode...))
	middle.Env = env
	middle.Stdout, middle.Stderr = os.Stdout, os.Stderr
	if err := middle.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot misbehave: %v\n", err)
		os.Exit(2)
	}
}

func middle(args []string) { start(inSession(child(args[0], args[1:]...))) }

func daemon([]string) {
	viaOther(nil, "wait")
	up()
}

func leaveDaemon([]string) {
	viaOther(nil, "wait")
	os.Exit(5)
}

// leaveLost clears the environment, so nothing leads to the child: a supervisor can at best not be held up by it.
func leaveLost([]string) {
	viaOther([]string{}, "linger", "20000")
	os.Exit(5)
}

func linger(args []string) { pause(number(args, 0, 1000)) }

func breed(args []string) {
	signal.Ignore(syscall.SIGTERM, os.Interrupt)
	fmt.Println("up")
	var all []*exec.Cmd
	for range number(args, 0, 20) {
		all = append(all, start(child("ignore-term")))
		pause(5)
	}
	for _, c := range all {
		c.Wait()
	}
}
