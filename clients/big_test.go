//go:build linux

package clients

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func patternBytes(n int64) []byte {
	data, _ := io.ReadAll(newPattern(n))
	return data
}

// file is one with that text.
func (f *front) file(data []byte) string {
	f.Helper()
	name := filepath.Join(f.dir, fmt.Sprintf("data-%d", len(data)))
	if err := os.WriteFile(name, data, 0o600); err != nil {
		f.Fatal(err)
	}
	return name
}

// memory is a line of /proc/PID/status in kB.
func (f *front) memory(name string) int {
	f.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.cmd.Process.Pid))
	if err != nil {
		f.Fatal(err)
	}
	kb, _ := strconv.Atoi(regexp.MustCompile(name + `:\s+(\d+)`).FindStringSubmatch(string(text))[1])
	return kb
}

// cpu is what lbdev itself has used.
func (f *front) cpu() time.Duration {
	f.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", f.cmd.Process.Pid))
	if err != nil {
		f.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')'):]))
	user, _ := strconv.Atoi(fields[12])
	system, _ := strconv.Atoi(fields[13])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// TestBigBodies carries large bodies both ways, with and without a length, byte for byte, and needs no memory for it.
func TestBigBodies(t *testing.T) {
	size := int64(64 << 20)
	if soak {
		size = 1 << 30
	}
	const mayGrow = 32 << 10
	for _, upstream := range []string{"http1", "h2c"} {
		t.Run(upstream, func(t *testing.T) {
			f := up(t, []string{"-n", "1", "--upstream", upstream}, app("web"))
			answer(http.Get(f.url + "/down?n=1000000"))
			before := f.memory("VmRSS")
			for _, tt := range []string{"down", "down, chunked", "up", "up, chunked"} {
				began, used := time.Now(), f.cpu()
				chunked := strings.HasSuffix(tt, "chunked")
				if strings.HasPrefix(tt, "down") {
					f.bigDown(size, chunked)
				} else {
					f.bigUp(size, chunked)
				}
				took := time.Since(began)
				t.Logf("%s: %.0f MB/s, lbdev used %v of CPU per GiB", tt, float64(size)/1e6/took.Seconds(),
					(f.cpu()-used)*time.Duration(1<<30)/time.Duration(size))
			}
			if grown := f.memory("VmHWM") - before; grown > mayGrow {
				t.Errorf("lbdev grew by %d kB from %d kB", grown, before)
			} else {
				t.Logf("lbdev grew by %d kB from %d kB", grown, before)
			}
			f.wantNoFailure()
		})
	}
}

func (f *front) bigDown(size int64, chunked bool) {
	f.Helper()
	url := fmt.Sprintf("%s/down?n=%d", f.url, size)
	if chunked {
		url += "&chunked=1"
	}
	resp, err := http.Get(url)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(&checker{}, resp.Body); n != size || err != nil || chunked != (resp.ContentLength < 0) {
		f.Errorf("%d bytes of %d came, %v", n, size, err)
	}
}

func (f *front) bigUp(size int64, chunked bool) {
	f.Helper()
	r, _ := http.NewRequest("PUT", f.url+"/up", io.NopCloser(newPattern(size)))
	if r.ContentLength = size; chunked {
		r.ContentLength = -1
	}
	if status, text, _, err := answer(http.DefaultClient.Do(r)); text != fmt.Sprint(size, " <nil>") {
		f.Errorf("%d %q %v", status, text, err)
	}
}
