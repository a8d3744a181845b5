package cluster

import (
	"slices"
	"strings"
	"testing"
)

func TestSeatExpand(t *testing.T) {
	s := seat{worker: 2, port: 8001, front: "http://127.0.0.1:8080"}
	for in, want := range map[string]string{
		"{port}":                       "8001",
		"%port%":                       "8001",
		"127.0.0.1:{port}":             "127.0.0.1:8001",
		"{worker}-{host}-{front}":      "2-127.0.0.1-http://127.0.0.1:8080",
		"{other} 100% {port":           "{other} 100% {port",
		"%worker%{port}":               "28001",
		`{"json": {"port": "{port}"}}`: `{"json": {"port": "8001"}}`,
	} {
		if got := s.expand(in); got != want {
			t.Errorf("expand(%q) is %q, want %q", in, got, want)
		}
	}
}

// lookupEnv is the value that a process would see: the last one wins.
func lookupEnv(env []string, name string) string {
	for _, kv := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

func TestSeatEnvironOrder(t *testing.T) {
	c := &Config{
		Environ: []string{"A=inherited", "B=inherited", "PORT=1", "D=inherited"},
		EnvFile: map[string]string{"B": "file", "C": "file", "PORT": "3000", "D": "file"},
		Env:     []string{"D=flag{worker}", "E={port}"},
	}
	env := seat{worker: 2, port: 8001, cluster: "shop"}.environ(c)
	for name, want := range map[string]string{
		"A": "inherited", "B": "file", "C": "file", "D": "flag2", "E": "8001", "LBDEV_CLUSTER": "shop", "LBDEV_WORKER": "2",
		"LBDEV_PORT": "8001", "HOST": "127.0.0.1",
		"PORT": "8001", // that of .env is meant for one server
	} {
		if got := lookupEnv(env, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
