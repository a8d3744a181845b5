package cluster

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

// MaxWorkers is the most copies one cluster runs.
const MaxWorkers = 512

// A RestartPolicy says which exits of a worker are followed by a new start.
type RestartPolicy string

// The restart policies.
const (
	RestartAlways    RestartPolicy = "always"     // every exit
	RestartOnFailure RestartPolicy = "on-failure" // every exit but one with code 0
	RestartNever     RestartPolicy = "never"      // none
)

// A Readiness says what proves that a worker can take requests.
type Readiness string

// The kinds of readiness.
const (
	// ReadyHTTP is any HTTP answer on /, or a 2xx or 3xx on Config.ReadyPath where that is set. A listening port alone
	// proves nothing: Flask's reloader listens before the app exists.
	ReadyHTTP Readiness = "http"
	// ReadyTCP is a port that accepts connections.
	ReadyTCP Readiness = "tcp"
)

// Config says what to run, how many, where, and what to do when one dies. Command is all that must be set.
type Config struct {
	// Name is the cluster's name; the workers see it as LBDEV_CLUSTER. Empty means "lbdev".
	Name string
	// Command is the program and its arguments. {port} (or %port%) and the other placeholders of Expand are replaced for
	// each worker.
	Command []string
	// Secrets are texts that stand in Command and are not to be exported.
	Secrets []string
	// Dir is the folder the command runs in; empty means the current one.
	Dir string
	// Environ is what every worker inherits; nil means os.Environ.
	Environ []string
	// EnvFile holds K=V pairs read from a file. They override Environ, but never the PORT that a worker is given.
	EnvFile map[string]string
	// Env holds K=V pairs with placeholders. They override everything else.
	Env []string

	// Before is called before each start of a worker, from the goroutine that owns it, to make what its process will look for; expand
	// replaces placeholders by what is this worker's. With its error the worker is not started. Nil means there is nothing to make.
	Before func(worker int, expand func(string) string) error

	// Workers is how many copies run, 1 to MaxWorkers. Zero means 4.
	Workers int
	// BasePort is worker 1's port; the others follow. Zero means 8000, or the next free block where a port of that one is
	// taken.
	BasePort int
	// Mode says what is balanced. Empty means ModeHTTP.
	Mode Mode
	// Front is a program that takes the place of the proxy. Nil means none.
	Front *OtherFront
	// Listen is the front's address, host:port or unix:PATH. Empty means 127.0.0.1:8080, or the next free port after it.
	Listen string
	// MoreListen are further addresses at which the front is reached.
	MoreListen []string
	// TLS is how the front speaks TLS, on all of its addresses; whoever speaks plain HTTP there is sent to https. Nil means
	// not at all.
	TLS *tls.Config
	// TLSCert and TLSKey are the files that TLS was read from, which Export tells. Empty means that it came from nowhere else.
	TLSCert, TLSKey string
	// Redirect is an address that sends all who come there to https. Empty means none. It needs TLS.
	Redirect string
	// MaxBody is how many bytes a request's body may have, larger ones get 413. Zero means any number.
	MaxBody int64
	// MaxConns is how many connections clients may have to the front; see limit.Limiter. Zero means two thirds of the files
	// that may be open, negative any number.
	MaxConns int
	// ProxyProtocol expects a header of the PROXY protocol from everybody who connects, and believes it.
	ProxyProtocol bool
	// Trusted are the addresses of proxies before the front, whose X-Forwarded fields are believed. Nil means nobody's are.
	Trusted []netip.Prefix
	// Policy is the rule that chooses the worker for a request, of balance.Rules. Empty means round-robin.
	Policy string
	// Weight is the shares of workers, by number or port, 0 to balance.MaxWeight; those that are not in it have 1.
	Weight map[int]int
	// Backup is the workers, by number or port, that get requests only when no other is ready.
	Backup []int
	// SlowStart is the time in which the share of a new process grows to the whole; see proxy.Pool.SetSlowStart. Zero means it has
	// it at once.
	SlowStart time.Duration
	// Sticky keeps clients at a worker; see balance.NewSticky. Empty means they are not kept.
	Sticky string
	// Hold is how long a request waits when no worker is ready. Zero means 30 s, negative not at all.
	Hold time.Duration
	// RetryUnsafe, WorkerConcurrency: see proxy.Proxy. EjectAfter: see proxy.Pool.
	RetryUnsafe       bool
	WorkerConcurrency int
	EjectAfter        int
	// Health says whether and how workers are checked from time to time.
	Health HealthCheck
	// ErrorPage writes the body of an answer that no worker gave. Nil means a line of text.
	ErrorPage func(http.ResponseWriter, *http.Request, proxy.Failure)
	// Inspect keeps heads and bodies of requests, for Requests to return; see proxy.Proxy.
	Inspect bool
	// Badge has pages bear a label with the port that served them; see SetBadge.
	Badge bool
	// OnAccess is called once per request, from the goroutine that served it; see proxy.Proxy.
	OnAccess func(*proxy.Access)

	// Reserve has ports chosen while no other lbdev on this machine chooses. It calls choose once, with the ports that others
	// were promised, and keeps those that choose returns for this cluster. It returns choose's error. Nil means that nobody
	// sees to that: two that start in the same moment may choose the same ports.
	Reserve func(choose func(Promises) ([]int, error)) error

	// Upstream is the protocol that workers are spoken to in. Empty means UpstreamHTTP1.
	Upstream Upstream
	// SocketDir is where the folder of the workers' unix sockets is made, if {socket} or %socket% occurs in Command, Env or
	// EnvFile: then they listen there and not on their ports. Empty, or a folder that does not do, means os.TempDir.
	SocketDir string

	// Restart says which exits are followed by a new start. Empty means RestartAlways.
	Restart RestartPolicy
	// Ready says what proves readiness. Empty means ReadyHTTP, in ModeTCP without a ReadyPath ReadyTCP.
	Ready Readiness
	// ReadyPath is the path whose 2xx or 3xx proves readiness. Empty means / with any status.
	ReadyPath string
	// ReadyTimeout is how long an incarnation may take to become ready. Zero means 60 s.
	ReadyTimeout time.Duration
	// StopSignal asks a worker to end. Nil means SIGTERM.
	StopSignal os.Signal
	// StopTimeout is how long a worker may take to end before SIGKILL; its requests in flight are part of it. Zero means
	// 10 s, negative means SIGKILL at once.
	StopTimeout time.Duration

	// PTY runs each worker on a pseudo terminal of Rows by Cols instead of a pipe.
	PTY        bool
	Rows, Cols uint16
	// Colour asks workers that write to a pipe to colour their output all the same.
	Colour bool
}

func (c *Config) name() string {
	if c.Name == "" {
		return "lbdev"
	}
	return c.Name
}

func (c *Config) workers() int {
	if c.Workers == 0 {
		return 4
	}
	return c.Workers
}

func (c *Config) restart() RestartPolicy {
	if c.Restart == "" {
		return RestartAlways
	}
	return c.Restart
}

func (c *Config) ready() Readiness {
	switch {
	case c.Ready != "":
		return c.Ready
	case c.Mode == ModeTCP && c.ReadyPath == "":
		return ReadyTCP
	}
	return ReadyHTTP
}

// scheme is what the front's URLs begin with.
func (c *Config) scheme() string {
	switch {
	case c.Mode == ModeTCP && c.TLS != nil:
		return "tls"
	case c.Mode == ModeTCP:
		return "tcp"
	case c.TLS != nil:
		return "https"
	}
	return "http"
}

func (c *Config) readyTimeout() time.Duration {
	if c.ReadyTimeout == 0 {
		return time.Minute
	}
	return c.ReadyTimeout
}

func (c *Config) stopTimeout() time.Duration {
	if c.StopTimeout == 0 {
		return 10 * time.Second
	}
	return max(c.StopTimeout, 0)
}

func (c *Config) stopSignal() os.Signal {
	if c.StopSignal == nil {
		return syscall.SIGTERM
	}
	return c.StopSignal
}

func (c *Config) environ() []string {
	if c.Environ == nil {
		return os.Environ()
	}
	return c.Environ
}

// A FieldError is a fault in one field of a Config.
type FieldError struct {
	Field string // the field's name, such as "Workers"
	Err   error
}

func (e *FieldError) Error() string { return e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

// lookup says whether worker 1 would find its program.
func (c *Config) lookup() error {
	first := seat{worker: 1, port: c.BasePort, cluster: c.name()}
	_, err := procs.Lookup(first.expand(c.Command[0]), c.Dir, first.environ(c))
	return err
}

// validate reports every fault at once, each a *FieldError.
func (c *Config) validate() error {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, &FieldError{Field: field, Err: fmt.Errorf(format, args...)})
	}
	if len(c.Command) == 0 || c.Command[0] == "" {
		fault("Command", "cannot start workers: no command was given")
	} else if err := c.lookup(); err != nil {
		fault("Command", "%w", err)
	}
	if n := c.workers(); n < 1 || n > MaxWorkers {
		fault("Workers", "cannot run %d workers: the number must be 1 to %d", n, MaxWorkers)
	} else if c.BasePort < 0 || c.BasePort+n-1 > 65535 {
		fault("BasePort", "cannot use base port %d: the ports %d to %d must lie between 1 and 65535", c.BasePort, c.BasePort, c.BasePort+n-1)
	}
	c.validateFront(fault)
	c.validateBalancing(fault)
	c.validateUpstream(fault)
	if d := c.readyTimeout(); d < 0 {
		fault("ReadyTimeout", "cannot wait %v for workers to be ready: the time must be above 0", d)
	}
	switch c.restart() {
	case RestartAlways, RestartOnFailure, RestartNever:
	default:
		fault("Restart", "cannot use restart policy %q: it must be always, on-failure or never", c.Restart)
	}
	switch c.Ready {
	case "", ReadyHTTP, ReadyTCP:
	default:
		fault("Ready", "cannot use readiness %q: it must be http or tcp", c.Ready)
	}
	if c.ReadyPath != "" && !strings.HasPrefix(c.ReadyPath, "/") {
		fault("ReadyPath", "cannot use ready path %q: it must begin with /", c.ReadyPath)
	}
	if c.ReadyPath != "" && c.Ready == ReadyTCP {
		fault("ReadyPath", "cannot use ready path %q: readiness tcp asks for no path", c.ReadyPath)
	}
	if c.WorkerConcurrency < 0 {
		fault("WorkerConcurrency", "cannot give a worker %d requests at a time: the number must be 1 or more, or 0 for any", c.WorkerConcurrency)
	}
	if c.EjectAfter < 0 {
		fault("EjectAfter", "cannot take a worker out after %d errors: the number must be 1 or more, or 0 for never", c.EjectAfter)
	}
	c.Health.validate(fault)
	for _, kv := range c.Env {
		key, value, ok := strings.Cut(kv, "=")
		if !ok || key == "" {
			fault("Env", "cannot use environment %q: it must be NAME=VALUE", kv)
		} else if key == "PORT" && !HasPlaceholder(value) {
			fault("Env", "cannot use environment %q: every worker would get the same port", kv)
		}
	}
	return errors.Join(faults...)
}

// validateFront reports the faults of what concerns the front.
func (c *Config) validateFront(fault func(field, format string, args ...any)) {
	if c.MaxBody < 0 {
		fault("MaxBody", "cannot let bodies have %d bytes at most", c.MaxBody)
	}
	switch c.Mode {
	case "", ModeHTTP, ModeTCP:
	default:
		fault("Mode", "cannot use mode %q: it must be http or tcp", c.Mode)
	}
	if c.Front != nil {
		c.validateOtherFront(fault)
	}
	if c.Mode == ModeTCP {
		c.validateTCP(fault)
	} else if c.Redirect != "" && c.TLS == nil {
		fault("Redirect", "cannot redirect from %q to https: the front speaks no TLS", c.Redirect)
	}
	seen := map[string]bool{}
	for i, address := range append([]string{c.Listen, c.Redirect}, c.MoreListen...) {
		if address != "" && seen[address] {
			field := "Listen"
			if i == 1 {
				field = "Redirect"
			}
			fault(field, "cannot listen on %q twice", address)
		}
		seen[address] = true
	}
}
