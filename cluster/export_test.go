package cluster

import (
	"crypto/tls"
	"reflect"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestMask(t *testing.T) {
	for _, tt := range []struct{ in, want []string }{
		{[]string{"./server", "--port", "{port}"}, nil},
		{[]string{"./server", "--password=hunter2"}, []string{"./server", "--password=***"}},
		{[]string{"./server", "--token", "hunter2", "x"}, []string{"./server", "--token", "***", "x"}},
		{[]string{"env", "SECRET_KEY=hunter2", "./server"}, []string{"env", "SECRET_KEY=***", "./server"}},
		{[]string{"./server", "--db=postgres://me:hunter2@db/shop"}, []string{"./server", "--db=postgres://***@db/shop"}},
		{[]string{"./server", "https://x/?token=hunter2&a=b"}, []string{"./server", "https://x/?token=***&a=b"}},
		{[]string{"./server", "--password="}, nil},
		{[]string{"./server", "--password={worker}"}, nil},
		{[]string{"./server", "--token", "--verbose"}, nil},
		{[]string{"./server", "--workers=1"}, nil},
	} {
		want := tt.want
		if want == nil {
			want = tt.in
		}
		got, some := Mask(tt.in)
		if !slices.Equal(got, want) || some != (tt.want != nil) {
			t.Errorf("%q is %q, %v; want %q", tt.in, got, some, want)
		}
	}
}

// TestMaskSecrets: texts that are known to be secrets are hidden wherever they stand.
func TestMaskSecrets(t *testing.T) {
	got, some := Mask([]string{"./server", "--url=http://x/hunter2/y", "hunter2", "{port}"}, "hunter2")
	if want := []string{"./server", "--url=http://x/***/y", "***", "{port}"}; !slices.Equal(got, want) || !some {
		t.Errorf("%q, %v; want %q", got, some, want)
	}
}

// TestConfigExport: what nobody has set has its default; of the environment there are names.
func TestConfigExport(t *testing.T) {
	c := Config{Command: []string{"./server", "{port}"}, Dir: "/srv/shop"}
	want := Export{
		Name: "lbdev", Command: c.Command, Dir: "/srv/shop", Env: []string{}, Listen: []string{"127.0.0.1:8080"}, Cookie: "lbdev_worker_8080",
		HoldMS: 30_000, StopSignal: "TERM", StopMS: 10_000,
		Workers: []ExportWorker{{Worker: 1, Port: 8000, Weight: 1}, {Worker: 2, Port: 8001, Weight: 1}, {Worker: 3, Port: 8002, Weight: 1}, {Worker: 4, Port: 8003, Weight: 1}},
	}
	want.Cookie = cookiePrefix + "_8080"
	if got := c.Export(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	c = Config{
		Name: "shop", Command: []string{"./server", "--token=hunter2"}, Dir: "/srv/shop", Workers: 2, BasePort: 9000, Listen: "unix:/run/shop.sock", MoreListen: []string{"127.0.0.1:80"},
		Env: []string{"B=hunter2", "A=hunter2"}, EnvFile: map[string]string{"C": "hunter2", "A": "x"},
		Policy: "first", Sticky: "off", Weight: map[int]int{9001: 3, 1: 0}, Backup: []int{2}, SlowStart: time.Second, Hold: -1, StopTimeout: -1, StopSignal: syscall.SIGINT,
		WorkerConcurrency: 2, Redirect: "127.0.0.1:81", ProxyProtocol: true, EjectAfter: 5, Badge: true,
		ReadyPath: "/up?key=hunter2", Health: HealthCheck{Path: "/health?token=hunter2", Fall: 5}, MaxBody: 7, RetryUnsafe: true, TLS: &tls.Config{}, TLSCert: "c", TLSKey: "k", Mode: ModeHTTP, Upstream: UpstreamH2C,
	}
	want = Export{
		Name: "shop", Command: []string{"./server", "--token=***"}, Masked: true, Dir: "/srv/shop", Env: []string{"A", "B", "C"},
		Listen: []string{"unix:/run/shop.sock", "127.0.0.1:80"}, Cookie: cookiePrefix, Mode: ModeHTTP, Upstream: UpstreamH2C,
		Policy: "first", SlowMS: 1000, ReadyPath: "/up?key=***", HealthPath: "/health?token=***", HealthEvery: 5000, HealthWithin: 2000, HealthFall: 5, HealthRise: 2,
		Concurrency: 2, Redirect: "127.0.0.1:81", ProxyHeader: true, Unsaid: []string{"badge", "eject-5xx"},
		RetryUnsafe: true, MaxBody: 7, StopSignal: "INT", TLS: true, TLSCert: "c", TLSKey: "k",
		Workers: []ExportWorker{{Worker: 1, Port: 9000, Weight: 0}, {Worker: 2, Port: 9001, Weight: 3, Backup: true}},
	}
	if got := c.Export(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
