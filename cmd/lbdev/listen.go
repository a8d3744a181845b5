package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// parseListen turns what people write for an address into host:port. A port alone means this machine only: whoever wants
// to be reached from elsewhere says so with an address, such as 0.0.0.0:80.
func parseListen(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	fault := func(why string) (string, error) {
		return "", fmt.Errorf("cannot listen on %q: %s", text, why)
	}
	address := strings.TrimSuffix(strings.TrimPrefix(text, "http://"), "/")
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return fault("it must be PORT or ADDRESS:PORT")
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
