//go:build linux

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Moods of the app "moody".
const (
	well  = ""      // it starts at once
	waits = "waits" // it does not serve before it is in another mood
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
	mood := func() string {
		text, _ := os.ReadFile(moodFile(os.Getenv("CLIENTS_DIR"), port)) // without one it is well
		return string(text)
	}
	switch mood() {
	case fails:
		fmt.Fprintln(os.Stderr, "ModuleNotFoundError: No module named 'shop'")
		os.Exit(1)
	case dies:
		time.AfterFunc(200*time.Millisecond, func() { os.Exit(1) })
	case waits:
		fmt.Println("loading the catalogue")
		for mood() == waits {
			time.Sleep(10 * time.Millisecond)
		}
	}
}
