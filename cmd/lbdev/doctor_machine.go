package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// What doctor finds out of the machine.

const (
	// dialPatience is how long a connection to ourselves may take, which takes no time.
	dialPatience = time.Second
	// clockWatch is how long the two clocks are compared, and clockDrift what they may differ by: whoever sets one of them
	// just now, or a virtual machine that was asleep.
	clockWatch = 20 * time.Millisecond
	clockDrift = 10 * time.Millisecond
)

// checkAddresses tries both loopbacks out. Without ::1 everything works.
func checkAddresses(_ *examination, ctx context.Context) []finding {
	err4, err6 := tryLoopback(ctx, "127.0.0.1"), tryLoopback(ctx, "::1")
	switch {
	case err4 != nil:
		return []finding{{"addresses", problem, fmt.Sprintf("127.0.0.1 can't be used: %v", err4), "is the loopback interface up?  ip link set lo up"}}
	case err6 != nil:
		return []finding{{"addresses", notable, "127.0.0.1 works, ::1 does not", "only servers that listen on ::1 alone would miss it"}}
	}
	return []finding{{"addresses", fine, "127.0.0.1 and ::1 work", ""}}
}

// tryLoopback listens on an address and connects to it.
func tryLoopback(ctx context.Context, host string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	defer l.Close()
	d := net.Dialer{Timeout: dialPatience}
	conn, err := d.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// checkLocalhost asks what people type.
func checkLocalhost(_ *examination, ctx context.Context) []finding {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", "localhost")
	const hint = "put  127.0.0.1 localhost  into the hosts file"
	if err != nil {
		return []finding{{"localhost", problem, fmt.Sprintf("does not resolve: %v", err), hint}}
	}
	var names []string
	for _, a := range addresses {
		if !a.Unmap().IsLoopback() {
			return []finding{{"localhost", problem, fmt.Sprintf("is %s, which is another machine", a), hint}}
		}
		if name := a.Unmap().String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return []finding{{"localhost", fine, "is " + strings.Join(names, ", then "), ""}}
}

// checkProxies looks for a proxy that would get the requests to localhost.
func checkProxies(*examination, context.Context) []finding {
	var set []string
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"} {
		if os.Getenv(name) != "" && !slices.ContainsFunc(set, func(s string) bool { return runtime.GOOS == "windows" && strings.EqualFold(s, name) }) {
			set = append(set, name)
		}
	}
	if len(set) == 0 {
		return []finding{{"proxies", fine, "none in the environment", ""}}
	}
	names := strings.Join(set, ", ") // their values may have passwords in them
	if missing := notExempt(os.Getenv("no_proxy") + "," + os.Getenv("NO_PROXY")); len(missing) > 0 {
		return []finding{{"proxies", notable, fmt.Sprintf("%s without %s in no_proxy: curl and others would send requests to the proxy", names, strings.Join(missing, " and ")),
			"export no_proxy=localhost,127.0.0.1,::1"}}
	}
	return []finding{{"proxies", fine, names + ", but not for localhost", ""}}
}

// notExempt are those names of this machine that a list of exceptions lacks.
func notExempt(list string) (missing []string) {
	var except []string
	for word := range strings.SplitSeq(list, ",") {
		except = append(except, strings.TrimPrefix(strings.TrimSpace(word), "."))
	}
	if slices.Contains(except, "*") {
		return nil
	}
	if !slices.Contains(except, "localhost") {
		missing = append(missing, "localhost")
	}
	if !slices.ContainsFunc(except, func(word string) bool { return word == "127.0.0.1" || word == "127.0.0.0/8" || word == "127.*" }) {
		missing = append(missing, "127.0.0.1")
	}
	return missing
}

// checkClock compares the time of day with the clock that only goes forward, and with reason.
func checkClock(_ *examination, ctx context.Context) []finding {
	begun := time.Now()
	timer := time.NewTimer(clockWatch)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	now := time.Now()
	drift := now.Round(0).Sub(begun.Round(0)) - now.Sub(begun)
	zone := now.Location().String()
	if zone == "Local" {
		zone, _ = now.Zone()
	}
	text := now.Format("2006-01-02 15:04:05 -0700") + " (" + zone + ")"
	const earliest, latest = 2026, 2100 // this program was written in the first of these
	switch year := now.UTC().Year(); {
	case year < earliest || year > latest:
		return []finding{{"clock", problem, text + ": the year can't be", "set the clock: TLS and cookies of your app depend on it"}}
	case drift.Abs() > clockDrift:
		return []finding{{"clock", notable, fmt.Sprintf("%s: it was set by %v just now", text, drift.Round(time.Millisecond)), "times in logs may jump; lbdev itself counts by another clock"}}
	}
	return []finding{{"clock", fine, text, ""}}
}

// browsers are the programs that package browser tries.
func browsers() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"rundll32"}
	case "darwin":
		return []string{"open"}
	}
	return []string{"xdg-open", "x-www-browser", "www-browser"}
}

// checkBrowser is only for whoever calls open.
func checkBrowser(*examination, context.Context) []finding {
	for _, name := range browsers() {
		if _, err := exec.LookPath(name); err == nil {
			return []finding{{"browser", fine, name + " opens one", ""}}
		}
	}
	return []finding{{"browser", notable, "no program that opens one", "lbdev open --print  gives the address to copy"}}
}
