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
