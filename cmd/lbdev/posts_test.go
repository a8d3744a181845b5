package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

// servePosts is a worker that says which post it begins to run, works for 20 ms, and answers.
func servePosts(port string) {
	http.HandleFunc("/post", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // a request that did not arrive is not run
		}
		fmt.Printf("%s\n", body)
		time.Sleep(20 * time.Millisecond) // the work
		fmt.Fprintf(w, "ran %s\n", body)
	})
	fmt.Println(http.ListenAndServe("127.0.0.1:"+port, nil))
	os.Exit(1)
}

// The files by which serveWait and a test tell each other, in the folder of the workers.
const (
	waitsFile = "waits" // made by the request that waits
	goesFile  = "goes"  // made by the test
)

// serveWait is a worker that answers at once, but for the first GET /wait that comes to any of those in its folder: that one is
// answered when the test says so.
func serveWait(port string) {
	http.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		file, err := os.OpenFile(waitsFile, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return // it is not the first
		}
		file.Close()
		for {
			if _, err := os.Stat(goesFile); err == nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	http.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	fmt.Println(http.ListenAndServe("127.0.0.1:"+port, nil))
	os.Exit(1)
}

// self is the test binary, which plays the workers.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
