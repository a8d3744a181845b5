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

// viaOther starts cmd by way of a child that exits, so that the system's init becomes its parent.
func viaOther(args ...string) {
	middle := inSession(child("daemon", append([]string{"middle"}, args...)...))
	start(middle).Wait()
}

func daemon(args []string) {
	if len(args) > 1 && args[0] == "middle" {
		start(inSession(child(args[1])))
		os.Exit(0)
	}
	viaOther("wait")
	up()
}

func leaveDaemon([]string) {
	viaOther("wait")
	os.Exit(5)
}

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
