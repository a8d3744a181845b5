//go:build linux

package clients

import (
	"regexp"
	"strings"
	"testing"
)

func TestCurlAndNghttp(t *testing.T) {
	for _, upstream := range []string{"http1", "h2c"} {
		t.Run(upstream, func(t *testing.T) {
			f := up(t, []string{"-n", "2", "--upstream", upstream}, app("web"))
			seen := "hello in HTTP/1.1"
			if upstream == "h2c" {
				seen = "hello in HTTP/2.0"
			}
			for _, tt := range []struct {
				want string
				args []string
			}{
				{seen, []string{"--http2-prior-knowledge"}},
				{seen, []string{"--http2"}}, // asks to change to h2c with Upgrade, which nobody has to do
				{seen, []string{"--http1.0"}},
				{"HTTP/1.1 103 Early Hints", []string{"-i", "/hints"}},
				{"HTTP/2 103", []string{"-i", "--http2-prior-knowledge", "/hints"}},
				{"link: </a.css>; rel=preload", []string{"-i", "--http2-prior-knowledge", "/hints"}},
				{"X-After: trailer", []string{"-i", "/hints"}},
				{"12 <nil>", []string{"--data-binary", "@" + f.file(patternBytes(12)), "/up"}},
				{"2000000 <nil>", []string{"-T", f.file(patternBytes(2_000_000)), "/up"}},
				{"2000000 <nil>", []string{"-T", f.file(patternBytes(2_000_000)), "-H", "Transfer-Encoding: chunked", "/up"}},
				{"2000000 <nil>", []string{"-T", f.file(patternBytes(2_000_000)), "-H", "Expect: 100-continue", "/up"}},
				{"2000000 <nil>", []string{"-T", f.file(patternBytes(2_000_000)), "--http2-prior-knowledge", "/up"}},
				{"HTTP/1.1 413", []string{"-i", "-T", f.file(patternBytes(20_000_000)), "/early"}},
				{"HTTP/1.1 413", []string{"-i", "-T", f.file(patternBytes(2_000_000)), "-H", "Expect: 100-continue", "/early"}},
				{"HTTP/2 413", []string{"-i", "-T", f.file(patternBytes(20_000_000)), "--http2-prior-knowledge", "/early"}},
				{"HTTP/1.1 405", []string{"-i", "-X", "CONNECT", "--request-target", "elsewhere:443"}},
			} {
				args := []string{"-sS", "--max-time", "60"}
				path := "/"
				for _, arg := range tt.args {
					if strings.HasPrefix(arg, "/") && !strings.HasPrefix(arg, f.dir) {
						path = arg
						continue
					}
					args = append(args, arg)
				}
				if out := run(t, f.dir, "curl", append(args, f.url+path)...); !strings.Contains(out, tt.want) {
					t.Errorf("curl %s: %q lacks %q", strings.Join(tt.args, " "), out[:min(len(out), 500)], tt.want)
				}
			}
			out := run(t, f.dir, "nghttp", "-v", "-m", "20", f.url+"/")
			if n := strings.Count(out, ":status: 200"); n != 20 {
				t.Errorf("nghttp got %d answers:\n%s", n, out)
			}
			if out := run(t, f.dir, "nghttp", "-v", f.url+"/hints"); !strings.Contains(out, "x-after: trailer") { // curl does not show it
				t.Errorf("nghttp saw no trailer:\n%s", out)
			}
			f.wantNoFailure()
		})
	}
}

// summary is h2load's: how many requests succeeded and failed.
var summary = regexp.MustCompile(`requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed`)

// TestH2load is a load over HTTP/2, while a worker is killed.
func TestH2load(t *testing.T) {
	for _, upstream := range []string{"http1", "h2c"} {
		t.Run(upstream, func(t *testing.T) {
			f := up(t, []string{"-n", "3", "--upstream", upstream}, app("web"))
			over, requests := make(chan string), "20000"
			if upstream == "h2c" && !soak {
				requests = "8000"
			}
			go func() { over <- run(t, f.dir, "h2load", "-n", requests, "-c", "50", "-m", "20", f.url+"/") }()
			eventually(t, "the load", func() bool { return f.ps().Requests.Total > 1500 })
			f.lbdev("kill", "2")
			out := <-over
			got := summary.FindStringSubmatch(out)
			if got == nil || got[1] != requests || got[2] != requests || got[3] != "0" {
				t.Errorf("%s", out)
			}
			s := f.ps()
			t.Logf("%s rescued %d, held %d", regexp.MustCompile(`finished in .*`).FindString(out), s.Requests.Rescued, s.Requests.Held)
			f.wantNoFailure()
		})
	}
}
