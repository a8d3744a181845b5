package main

import (
	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster"
)

// frontFlags say where clients come in, and how.
func frontFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "front", Value: ownFront, Usage: "the `PROGRAM` that balances: lbdev itself, or nginx, haproxy, apache, caddy as they are installed here (lbdev starts, reloads and stops it)"},
		&cli.StringFlag{Name: "mode", Value: "http", Usage: "`WHAT` is balanced: http, request by request, or tcp, connections of apps that speak anything else", EnvVars: []string{"LBDEV_MODE"}},
		&cli.StringSliceFlag{Name: "listen", Aliases: []string{"l"}, Usage: "the front's `ADDRESS`: 8080, 127.0.0.1:8080, [::1]:8080, 0.0.0.0:80, unix:PATH; further ones are reached too (several times; default: 127.0.0.1:8080, or the next free port)", EnvVars: []string{"LBDEV_LISTEN"}},
		&cli.StringFlag{Name: "dashboard", Usage: "serve the dashboard at `ADDRESS`: 8090, 127.0.0.1:8090, 0.0.0.0:8090 for a class, or off (default: 127.0.0.1:8090, or the next free port)", EnvVars: []string{"LBDEV_DASHBOARD"}},
		&cli.BoolFlag{Name: "badge", Usage: "the app's HTML pages show in a corner which port served them", EnvVars: []string{"LBDEV_BADGE"}},
		&cli.BoolFlag{Name: "tls", Usage: "speak https, with a certificate of lbdev's own CA (see  lbdev trust); plain http is redirected", EnvVars: []string{"LBDEV_TLS"}},
		&cli.StringFlag{Name: "tls-cert", Usage: "speak https with the certificate in `FILE`", EnvVars: []string{"LBDEV_TLS_CERT"}},
		&cli.StringFlag{Name: "tls-key", Usage: "its key is in `FILE` (default: in that of the certificate)", EnvVars: []string{"LBDEV_TLS_KEY"}},
		&cli.StringFlag{Name: "redirect", Usage: "send all who come to `ADDRESS` to https", EnvVars: []string{"LBDEV_REDIRECT"}},
		&cli.BoolFlag{Name: "proxy-protocol", Usage: "everyone who connects must send the PROXY protocol's header (version 1 or 2), which says who the client is", EnvVars: []string{"LBDEV_PROXY_PROTOCOL"}},
		&cli.StringSliceFlag{Name: "trusted-proxies", Usage: "believe and pass on the X-Forwarded fields of `ADDRESSES`: 10.0.0.0/8, loopback, private (several times)", EnvVars: []string{"LBDEV_TRUSTED_PROXIES"}},
	}
}

// front reads the flags of the front.
func (p *plan) front(c *cli.Context) error {
	p.config.Mode = cluster.Mode(c.String("mode"))
	if p.config.Mode == cluster.ModeTCP && !c.IsSet("ready") {
		p.config.Ready = "" // what proves readiness depends on the mode
	}
	for i, text := range c.StringSlice("listen") {
		address, err := parseListen(text)
		switch {
		case err != nil:
			return &commandError{code: exitUsage, err: err, hint: fieldHint("Listen"), flag: "listen"}
		case i == 0:
			p.config.Listen = address
		default:
			p.config.MoreListen = append(p.config.MoreListen, address)
		}
	}
	var err error
	if p.config.Redirect, err = parseListen(c.String("redirect")); err != nil {
		return &commandError{code: exitUsage, err: err, hint: fieldHint("Redirect"), flag: "redirect"}
	}
	if p.config.Trusted, err = parseTrusted(c.StringSlice("trusted-proxies")); err != nil {
		return &commandError{code: exitUsage, err: err, hint: "lbdev up --trusted-proxies loopback …", flag: "trusted-proxies"}
	}
	p.config.ProxyProtocol, p.config.Badge = c.Bool("proxy-protocol"), c.Bool("badge")
	if err := p.limits(c); err != nil {
		return err
	}
	return p.secure(c)
}
