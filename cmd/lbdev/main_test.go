package main

import (
	"os"
	"testing"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// asLbdev makes the test binary be lbdev.
const asLbdev = "LBDEV_TEST_AS_LBDEV"

func TestMain(m *testing.M) {
	misbehave.Main()
	procs.GuardianMain()
	if len(os.Args) == 3 && os.Args[1] == "serve-posts" {
		servePosts(os.Args[2])
	}
	if len(os.Args) == 3 && os.Args[1] == "serve-wait" {
		serveWait(os.Args[2])
	}
	if os.Getenv(asLbdev) != "" {
		main()
	}
	os.Exit(m.Run())
}
