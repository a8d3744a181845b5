//go:build linux

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Moods of the app "moody". Any other is how long it takes to start.
const (
	fails = "fails" // it ends before it serves
	dies  = "dies"  // it ends soon after it has begun to serve
)

// mood is how a worker's next processes start.
func (f *front) mood(worker int, mood string) {
	f.Helper()
	if err := os.WriteFile(moodFile(f.dir, strconv.Itoa(f.base+worker-1)), []byte(mood), 0o600); err != nil {
		f.Fatal(err)
	}
}

func moodFile(dir, port string) string { return filepath.Join(dir, "mood-"+port) }

// beMoody does in the app what mood has asked for.
func beMoody(port string) {
	mood, _ := os.ReadFile(moodFile(os.Getenv("CLIENTS_DIR"), port)) // without one it starts at once
	switch text := string(mood); text {
	case "":
	case fails:
		fmt.Fprintln(os.Stderr, "ModuleNotFoundError: No module named 'shop'")
		os.Exit(1)
	case dies:
		time.AfterFunc(200*time.Millisecond, func() { os.Exit(1) })
	default:
		wait, err := time.ParseDuration(text)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Println("loading the catalogue")
		time.Sleep(wait)
	}
}
