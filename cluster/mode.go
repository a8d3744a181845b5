package cluster

import (
	"fmt"

	"github.com/lbdev/lbdev/proxy/balance"
)

// A Mode says what the front understands of what it balances.
type Mode string

// The modes.
const (
	ModeHTTP Mode = "http" // each request by itself
	ModeTCP  Mode = "tcp"  // connections, whatever goes over them
)

// A ModeError says that something needs HTTP, while connections are balanced whose contents are not looked at.
type ModeError struct {
	What string // that can't be done
	Hint string
}

func (e *ModeError) Error() string {
	return fmt.Sprintf("cannot %s in mode tcp: that needs HTTP", e.What)
}

// newPolicy is balance.New for what works in the mode.
func (c *Config) newPolicy(name string) (balance.Policy, error) {
	p, err := balance.New(name)
	if err == nil && c.Mode == ModeTCP && balance.NeedsHTTP(p) {
		return nil, &ModeError{What: fmt.Sprintf("use policy %q", name), Hint: "the others work, such as least-conn and ip-hash"}
	}
	return p, err
}

// newSticky is balance.NewSticky for what works in the mode.
func (c *Config) newSticky(text, cookieName string) (*balance.Sticky, error) {
	s, err := balance.NewSticky(text, cookieName)
	if err == nil && s != nil && c.Mode == ModeTCP {
		return nil, &ModeError{What: fmt.Sprintf("keep clients at a worker by %q", text), Hint: "the policy ip-hash does it by their addresses"}
	}
	return s, err
}

// badgeIs is what Config.Badge and SetBadge do.
const badgeIs = "show in pages which port served them"

// SetBadge says whether HTML pages that browsers show bear a label with the port that served them; see package badge. The error is a
// *ModeError.
func (c *Cluster) SetBadge(on bool) error {
	if err := c.needsProxy(badgeIs); err != nil && on {
		return err
	}
	switch {
	case on && c.config.Mode == ModeTCP:
		return &ModeError{What: badgeIs, Hint: "a front that speaks HTTP can:  --mode http"}
	case on == c.proxy.Badge():
	case on:
		c.notice("pages show which port served them")
	default:
		c.notice("pages show no port any more")
	}
	c.proxy.SetBadge(on)
	return nil
}

// badge is what snapshots say of it.
func (c *Cluster) badge() *bool {
	if c.config.Mode == ModeTCP || c.config.Front != nil {
		return nil
	}
	return new(c.proxy.Badge())
}

// validateTCP reports what is asked for and needs HTTP: what would do nothing must not look as if it did.
func (c *Config) validateTCP(fault func(field, format string, args ...any)) {
	for _, is := range []struct {
		field string
		set   bool
		what  string
		hint  string
	}{
		{"Upstream", c.Upstream == UpstreamH2C, "speak h2c to workers", "gRPC and HTTP/2 go through as they are: leave --upstream off"},
		{"Redirect", c.Redirect != "", fmt.Sprintf("redirect from %q to https", c.Redirect), ""},
		{"MaxBody", c.MaxBody > 0, "bound the bodies of requests", ""},
		{"Trusted", len(c.Trusted) > 0, "believe X-Forwarded fields", "the PROXY protocol says who the client is: --proxy-protocol"},
		{"RetryUnsafe", c.RetryUnsafe, "send requests again", "a connection goes to another worker as long as nothing was sent over it"},
		{"Badge", c.Badge, badgeIs, ""},
		{"EjectAfter", c.EjectAfter > 0, "take workers out for their answers of 5xx", ""},
	} {
		if is.set {
			fault(is.field, "%w", &ModeError{What: is.what, Hint: is.hint})
		}
	}
}
