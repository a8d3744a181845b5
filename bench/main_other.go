//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: cannot measure here: CPU and memory of processes are read from Linux's /proc")
	os.Exit(1)
}
