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

// self is the test binary, which plays the workers.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
