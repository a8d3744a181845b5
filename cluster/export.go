package cluster

import (
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/proxy"
)

// An Export is what of a cluster's settings can be written down for another program, as GET /v1/export shows it. Secrets are not
// in it: of the environment it has the names, and three stars in place of arguments that look like one.
type Export struct {
	Name         string         `json:"name"`
	Command      []string       `json:"command"` // with placeholders
	Dir          string         `json:"dir"`
	Env          []string       `json:"env"`    // names of what the user has set
	Listen       []string       `json:"listen"` // host:port or unix:PATH
	Mode         Mode           `json:"mode"`
	Upstream     Upstream       `json:"upstream"`
	Policy       string         `json:"policy"`
	Sticky       string         `json:"sticky,omitempty"`
	Cookie       string         `json:"cookie"` // the name of our own
	SlowMS       int64          `json:"slow_start_ms,omitempty"`
	ReadyPath    string         `json:"ready_path,omitempty"`
	HealthPath   string         `json:"health_path,omitempty"`
	HealthEvery  int64          `json:"health_interval_ms,omitempty"`
	HealthWithin int64          `json:"health_timeout_ms,omitempty"`
	HealthFall   int            `json:"health_fall,omitempty"`
	HealthRise   int            `json:"health_rise,omitempty"`
	HoldMS       int64          `json:"hold_ms"`
	RetryUnsafe  bool           `json:"retry_unsafe,omitempty"`
	Concurrency  int            `json:"worker_concurrency,omitempty"`
	MaxBody      int64          `json:"max_body,omitempty"`
	StopSignal   string         `json:"stop_signal"`
	StopMS       int64          `json:"stop_timeout_ms"`
	TLS          bool           `json:"tls,omitempty"`
	TLSCert      string         `json:"tls_cert,omitempty"` // files; empty = lbdev's own CA
	TLSKey       string         `json:"tls_key,omitempty"`
	Redirect     string         `json:"redirect,omitempty"`
	ProxyHeader  bool           `json:"proxy_protocol,omitempty"`
	Unsaid       []string       `json:"unsaid,omitempty"` // further settings that were made, by the names of their flags
	Workers      []ExportWorker `json:"workers"`
	Masked       bool           `json:"masked,omitempty"` // Command or a path has three stars in it
}

// An ExportWorker is one worker.
type ExportWorker struct {
	Worker int    `json:"worker"`
	Port   int    `json:"port"`
	Socket string `json:"socket,omitempty"`
	Weight int    `json:"weight"`
	Backup bool   `json:"backup,omitempty"`
	Down   bool   `json:"down,omitempty"` // drained, paused or stopped by somebody
}

// Export is what the Config says, for a cluster that does not run. It looks at no ports: those that nobody chose are the defaults.
func (c *Config) Export() Export {
	e := Export{
		Name: c.name(), Dir: c.Dir, Env: c.envNames(), Listen: append([]string{c.Listen}, c.MoreListen...), Mode: c.Mode, Upstream: c.Upstream,
		Policy: c.Policy, Sticky: c.Sticky, SlowMS: c.SlowStart.Milliseconds(), ReadyPath: c.ReadyPath,
		HoldMS: holds(&proxy.Proxy{Hold: c.Hold}), RetryUnsafe: c.RetryUnsafe, MaxBody: c.MaxBody,
		StopSignal: procs.SignalName(c.stopSignal()), StopMS: c.stopTimeout().Milliseconds(),
		Concurrency: c.WorkerConcurrency, Redirect: c.Redirect, ProxyHeader: c.ProxyProtocol, Unsaid: c.unsaid(),
		TLS: c.TLS != nil, TLSCert: c.TLSCert, TLSKey: c.TLSKey,
	}
	if e.Listen[0] == "" {
		e.Listen[0] = net.JoinHostPort(workerHost, strconv.Itoa(defaultFrontPort))
	}
	if e.Sticky == "off" {
		e.Sticky = ""
	}
	if e.Dir == "" {
		e.Dir, _ = os.Getwd() // without it, nobody is told where
	}
	if h := &c.Health; h.Path != "" {
		e.HealthPath, e.HealthEvery, e.HealthWithin = h.Path, h.interval().Milliseconds(), h.timeout().Milliseconds()
		e.HealthFall, e.HealthRise = h.fall(), h.rise()
	}
	e.Cookie = cookieFor(portOf(e.Listen[0]))
	e.Command, e.Masked = Mask(c.Command, c.Secrets...)
	for _, path := range []*string{&e.ReadyPath, &e.HealthPath} {
		shown := proxy.Redact(*path)
		e.Masked = e.Masked || shown != *path
		*path = shown
	}
	base := c.BasePort
	if base == 0 {
		base = defaultBasePort
	}
	for n := 1; n <= c.workers(); n++ {
		w := ExportWorker{Worker: n, Port: base + n - 1, Weight: 1}
		for _, id := range []int{n, w.Port} {
			if weight, given := c.Weight[id]; given {
				w.Weight = weight
			}
			w.Backup = w.Backup || slices.Contains(c.Backup, id)
		}
		e.Workers = append(e.Workers, w)
	}
	return e
}

// holds is how long a proxy lets requests wait, in ms; 0 = not at all.
func holds(p *proxy.Proxy) int64 { return max(p.Holds(), 0).Milliseconds() }

// unsaid are the settings that no other program has, or that are lbdev's own affair.
func (c *Config) unsaid() (names []string) {
	for _, setting := range []struct {
		name string
		made bool
	}{
		{"badge", c.Badge}, {"eject-5xx", c.EjectAfter > 0}, {"max-conns", c.MaxConns > 0}, {"trusted-proxies", len(c.Trusted) > 0},
	} {
		if setting.made {
			names = append(names, setting.name)
		}
	}
	return names
}

// Export is what this cluster is now, for other programs to do the same.
func (c *Cluster) Export() Export {
	e, now := c.launch.Load().Export(), c.Snapshot()
	e.HoldMS = holds(c.proxy)
	balanced := c.Balanced()
	e.Policy, e.SlowMS = balanced.Policy, balanced.SlowStart.Milliseconds()
	if e.Sticky = balanced.Sticky; e.Sticky == "off" {
		e.Sticky = ""
	}
	if c.config.Listen == "" { // it was chosen
		if u, err := url.Parse(now.Front); err == nil && u.Host != "" {
			e.Listen[0] = u.Host
		}
	}
	e.Cookie, e.Workers = c.cookieName(), nil
	for _, w := range now.Workers {
		down := w.State == Drained || w.State == Paused || w.State == Stopped || w.State == Stopping
		e.Workers = append(e.Workers, ExportWorker{Worker: w.Worker, Port: w.Port, Socket: w.Socket, Weight: w.Weight, Backup: w.Backup, Down: down})
	}
	return e
}

// envNames are the names of what the user has set for the workers.
func (c *Config) envNames() []string {
	names := slices.Collect(maps.Keys(c.EnvFile))
	for _, kv := range c.Env {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	return append([]string{}, slices.Compact(names)...)
}

// Mask puts three stars in place of a command's arguments that look like secrets: --password=…, --token …, SECRET_KEY=…, https://name:…@host.
// Secrets are texts that are some in any argument. It says whether there are some.
func Mask(command []string, secrets ...string) (masked []string, some bool) {
	masked = slices.Clone(command)
	for i, arg := range masked {
		name, value, joined := strings.Cut(arg, "=")
		option := strings.TrimLeft(name, "-")
		switch {
		case joined && value != "" && !strings.ContainsAny(name, ":/?&") && proxy.IsSecret(option) && !onlyPlaceholders(value):
			masked[i] = name + "=***"
		case i > 0 && !strings.HasPrefix(arg, "-") && isSecretOption(command[i-1]) && !onlyPlaceholders(arg):
			masked[i] = "***"
		default:
			masked[i] = proxy.Redact(arg)
			for _, secret := range secrets {
				masked[i] = strings.ReplaceAll(masked[i], secret, "***")
			}
		}
		some = some || masked[i] != arg
	}
	return masked, some
}

// isSecretOption says whether the argument after this one is a secret.
func isSecretOption(arg string) bool {
	return strings.HasPrefix(arg, "--") && !strings.Contains(arg, "=") && proxy.IsSecret(strings.TrimLeft(arg, "-"))
}

func onlyPlaceholders(text string) bool {
	return strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}")
}
