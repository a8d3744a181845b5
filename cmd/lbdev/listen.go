package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// parseListen turns what people write for an address into host:port or unix:PATH. A port alone means this machine only:
// whoever wants to be reached from elsewhere says so with an address, such as 0.0.0.0:80.
func parseListen(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return parseSocket(path)
	}
	fault := func(why string) (string, error) {
		return "", fmt.Errorf("cannot listen on %q: %s", text, why)
	}
	address := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "http://"), "https://"), "/")
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return fault("it must be PORT, ADDRESS:PORT or unix:PATH")
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 1 || port > 65535 {
		return fault("the port must be a number from 1 to 65535")
	}
	switch {
	case host == "":
		host = "127.0.0.1"
	case host == "localhost":
		host = "127.0.0.1"
	case net.ParseIP(host) == nil:
		return fault("the address must be an IP address of this machine, or localhost")
	}
	return net.JoinHostPort(host, portText), nil
}

// parseSocket completes the path of a unix socket: lbdev shows it to people in other folders.
func parseSocket(path string) (string, error) {
	if path == "" {
		return "", errors.New("cannot listen on \"unix:\": it must be unix:PATH")
	}
	if path[0] == '@' { // Linux's abstract sockets lie in no folder
		return "unix:" + path, nil
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("cannot listen on %q: %w", "unix:"+path, err)
	}
	return "unix:" + full, nil
}
