// Package export writes a cluster down in the words of other programs: the configuration with which nginx, HAProxy, Apache, Caddy
// or Traefik do what lbdev's front does, and that with which compose, Kubernetes, systemd or a Procfile run the workers. Every
// line says what it does and from which setting of lbdev's it comes, because people read them to learn.
//
// What it is given is all that it knows. It reads no files and runs nothing, and it is given no secret: of the environment only
// the names.
package export

import "time"

// A Cluster is what is written down. Only Name, Listen and Workers must be set.
type Cluster struct {
	Name    string
	Listen  []string // the front's addresses, host:port; the first is the one that people open
	Workers []Worker // in the order of their numbers
	Policy  string   // as lbdev policy names it; empty = round-robin
	Sticky  string   // as --sticky names it: off or empty, cookie, cookie:NAME, route:NAME
	Cookie  string   // the cookie's name, with Sticky cookie

	Command []string // of one worker, with {port}, {worker} …
	Program string   // where the first word of Command is on this machine; empty = unknown
	Dir     string   // where it runs
	Env     []string // names of variables that the user has set, never their values

	ReadyPath    string // empty = any answer on /
	HealthPath   string // empty = no checks from time to time
	HealthEvery  time.Duration
	HealthWithin time.Duration
	HealthFall   int
	HealthRise   int
	Hold         time.Duration // how long a request waits when no worker is ready; 0 = not at all
	RetryUnsafe  bool          // a POST whose worker died is sent to another one
	Concurrency  int           // requests that a worker gets at a time; 0 = any number
	MaxBody      int64         // bytes; 0 = any number
	StopSignal   string        // TERM
	StopTimeout  time.Duration
	SlowStart    time.Duration
	TLSCert      string // files; empty = no TLS
	TLSKey       string
	Redirect     string // an address that sends all who come there to https; empty = none
	ProxyHeader  bool   // everyone who connects sends the PROXY protocol's header, and is believed
	TCP          bool   // mode tcp: connections are balanced, not requests
	H2C          bool   // the workers speak HTTP/2 without TLS

	// Unsaid are the settings that no export speaks of, as people type them, such as --eject-5xx.
	Unsaid []string

	// DevServer says why the command is not meant for production, such as "Django's runserver serves one developer"; empty = it
	// is, or nobody knows.
	DevServer string
}

// A Worker is one copy.
type Worker struct {
	Number, Port int
	Host         string // where it listens, an address or a name; empty = 127.0.0.1
	Socket       string // where it listens instead of on its port: the socket's path
	Weight       int    // 0 = nothing new; lbdev's usual is 1
	Backup       bool
	Down         bool // it gets nothing now: drained or stopped by somebody
}

// Options say how it is written.
type Options struct {
	Windows bool // paths and notes for the program's build for Windows
	Bare    bool // without the comments that teach: for a program that runs it, not for a reader
}

// A File is one that an export consists of.
type File struct {
	Name string // with slashes, relative, such as "nginx/shop.conf"
	Text string

	// Part is set where the file is no whole configuration but a piece for one that people have, and another file says the same
	// as a whole.
	Part bool
}

// A Target is a program that a cluster can be written down for.
type Target struct {
	Name  string // as people type it: nginx
	Title string // nginx
	About string // what the files are, in a few words
}
