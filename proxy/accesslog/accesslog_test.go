package accesslog

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/proxy"
)

const ms = time.Millisecond

func plain() proxy.Access {
	return proxy.Access{
		Start: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.FixedZone("", 3600)), Method: "GET", Path: "/cart?a=b", Proto: "HTTP/1.1", Host: "shop.test",
		Client: "127.0.0.1", Status: 200, Worker: 1, Port: 8000, Outcome: proxy.OK, Total: 14205 * time.Microsecond, Bytes: 512,
		Referer: "http://shop.test/", UserAgent: "Mozilla/5.0 (X11)",
		Attempts: []proxy.Attempt{{Worker: 1, Port: 8000, Result: "200", Connect: ms, FirstByte: 13 * ms}},
	}
}

// hostile is a request whose sender wants to write lines of its own.
func hostile() proxy.Access {
	a := plain()
	a.Method, a.Path, a.Proto, a.Host = "GET", "/\" 200 1\n10.0.0.1 - - [x] \"GET /x\\y?token=s3cr3t", "HTTP/1.0", "a b\x00"
	a.User, a.Referer, a.UserAgent = "ann lee\r\n", "http://x/?key=\"\nk", "\x1b[31m\" \\ \xff ü\x7f\t"
	return a
}

// TestFormats has the lines letter by letter.
func TestFormats(t *testing.T) {
	failed := plain()
	failed.Status, failed.Worker, failed.Port, failed.Outcome, failed.Reason, failed.Bytes = 502, 0, 0, proxy.Failed, `it said "no"`, 0
	failed.Attempts = []proxy.Attempt{{Port: 8001, Result: "refused"}, {Port: 8000, Result: "reset"}}
	gone := proxy.Access{Start: plain().Start, Method: "POST", Path: "*", Proto: "HTTP/2.0", Client: "::1", Outcome: proxy.Canceled, Held: 1500 * ms}
	tests := []struct {
		name, format string
		a            proxy.Access
		want         string
	}{
		{"common", Common, plain(), `127.0.0.1 - - [02/Jan/2026:03:04:05 +0100] "GET /cart?a=b HTTP/1.1" 200 512`},
		{"combined", Combined, plain(), `127.0.0.1 - - [02/Jan/2026:03:04:05 +0100] "GET /cart?a=b HTTP/1.1" 200 512 "http://shop.test/" "Mozilla/5.0 (X11)"`},
		{"text", Text, plain(), `2026-01-02T03:04:05.678+01:00 GET /cart?a=b 200 14.205 ms 8000 200`},
		{"common, hostile", Common, hostile(), `127.0.0.1 - ann\x20lee\x0D\x0A [02/Jan/2026:03:04:05 +0100] "GET /\x22\x20200\x201\x0A10.0.0.1\x20-\x20-\x20[x]\x20\x22GET\x20/x\x5Cy?token=*** HTTP/1.0" 200 512`},
		{"combined, hostile", Combined, hostile(), `127.0.0.1 - ann\x20lee\x0D\x0A [02/Jan/2026:03:04:05 +0100] "GET /\x22\x20200\x201\x0A10.0.0.1\x20-\x20-\x20[x]\x20\x22GET\x20/x\x5Cy?token=*** HTTP/1.0" 200 512 "http://x/?key=***" "\x1B[31m\x22 \x5C \xFF \xC3\xBC\x7F\x09"`},
		{"text, hostile", Text, hostile(), `2026-01-02T03:04:05.678+01:00 GET /\x22\x20200\x201\x0A10.0.0.1\x20-\x20-\x20[x]\x20\x22GET\x20/x\x5Cy?token=*** 200 14.205 ms 8000 200`},
		{"text, failed", Text, failed, `2026-01-02T03:04:05.678+01:00 GET /cart?a=b 502 14.205 ms 8001 refused, 8000 reset`},
		{"combined, gone", Combined, gone, `::1 - - [02/Jan/2026:03:04:05 +0100] "POST * HTTP/2.0" 499 - "-" "-"`},
		{"all of it", `{{{worker}}} {port}/{tries} {outcome} "{reason}" {host} {time_unix} {total_ms}={held_ms}+{connect_ms}+{first_byte_ms} {why}`, failed,
			`{-} -/2 failed "it said \x22no\x22" shop.test 1767319445.678 14.205=0.000+0.000+0.000 -`},
		{"times", `{held_ms} {connect_ms} {first_byte_ms}`, plain(), `0.000 1.000 13.000`},
		{"nothing known", `{attempts} {tries} {why} {referer} {user} {held_ms} {bytes}`, gone, `- 0 - - - 1500.000 -`},
		{"tabs", "{method}\t{path}", plain(), "GET\t/cart?a=b"},
		{"hosts", "{host}", hostile(), `a\x20b\x00`},
	}
	for _, tc := range tests {
		format, err := Compile(tc.format)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := string(format([]byte("before "), &tc.a)); got != "before "+tc.want+"\n" {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

func TestFormatsThatAreNone(t *testing.T) {
	for format, want := range map[string]string{
		"":                `there are text, common and combined, and templates such as "{client} {path}"`,
		"nginx":           `there are text, common and combined`,
		"$remote_addr":    `there are text, common and combined`,
		"{clint} {path}":  "there is no {clint}; there are attempts, bytes, client, ",
		"{}":              "there is no {}",
		"{client":         "a { has no } behind it; write {{ for a brace",
		"{client} }":      "a } has no { before it; write }} for a brace",
		"{client}\n{path": "a request is one line",
	} {
		if _, err := Compile(format); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "cannot use access format ") {
			t.Errorf("%q: %v, want %q", format, err, want)
		}
	}
}

// A line costs no allocation: the writer of the log uses its buffer again.
func TestFormatsAllocateNothing(t *testing.T) {
	a := plain()
	for _, name := range []string{Text, Common, Combined} {
		format, err := Compile(name)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 0, 1024)
		if n := testing.AllocsPerRun(100, func() { buf = format(buf[:0], &a) }); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// Whatever a client sends, the combined line can be taken apart in one way, and is one line.
func FuzzCombined(f *testing.F) {
	format, err := Compile(Combined)
	if err != nil {
		f.Fatal(err)
	}
	line := regexp.MustCompile(`^[^ "]+ - [^ "]+ \[[^ \]]+ [^ \]]+\] "[^ "]+ [^ "]+ [^ "]+" \d+ (\d+|-) "[^"]*" "[^"]*"\n$`)
	h := hostile()
	f.Add(h.Method, h.Path, h.User, h.Referer, h.UserAgent)
	f.Add("", "", "", "", "")
	f.Fuzz(func(t *testing.T, method, path, user, referer, agent string) {
		a := plain()
		a.Method, a.Path, a.User, a.Referer, a.UserAgent = method, path, user, referer, agent
		got := format(nil, &a)
		if !line.Match(got) || bytes.ContainsFunc(got[:len(got)-1], func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q", got)
		}
	})
}

func BenchmarkCombined(b *testing.B) {
	format, err := Compile(Combined)
	if err != nil {
		b.Fatal(err)
	}
	a, buf := plain(), make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = format(buf[:0], &a)
	}
}
