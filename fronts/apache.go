//go:build unix

package fronts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/templates/export"
)

var apache = &kind{
	name: "apache", title: "Apache", programs: []string{"apache2", "httpd"}, version: "-v",
	wrap: wrapApache,
	argv: func(r *room) []string {
		return []string{r.program.Path, "-d", r.dir, "-f", r.path("httpd.conf"), "-DFOREGROUND"}
	},
	check:        func(r *room) []string { return []string{r.program.Path, "-t", "-d", r.dir, "-f", r.path("httpd.conf")} },
	reloadSignal: syscall.SIGUSR1,
	stopSignal:   syscall.SIGWINCH,
	hear:         hearApache,
	reader: func(r *room) reader {
		return &apacheReader{room: r, met: map[string]int{}, tries: map[string]*apacheTries{}}
	},
}

// apacheModules are what the piece and the log need, in the order in which they are loaded. Those that are built in are left out, and
// those that are not there too: if they are needed after all, Apache says so.
func apacheModules(c *export.Cluster) []string {
	modules := []string{"mpm_event", "unixd", "authz_core", "log_config", "logio", "env", "setenvif", "headers", "slotmem_shm"}
	if c.TLSCert != "" {
		modules = append(modules, "socache_shmcb", "ssl")
	}
	modules = append(modules, "proxy", "proxy_http", "proxy_balancer", "lbmethod_byrequests", "lbmethod_bybusyness")
	if c.HealthPath != "" {
		modules = append(modules, "watchdog", "proxy_hcheck")
	}
	if c.H2C {
		modules = append(modules, "http2", "proxy_http2")
	}
	return modules
}

// apachePlaces are where systems keep the modules.
var apachePlaces = []string{"/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules", "/usr/lib64/apache2", "/opt/homebrew/lib/httpd/modules", "/usr/local/lib/httpd/modules", "/usr/libexec/apache2"}

// wrapApache writes errors and requests into one log: an error says at whom a try failed, which the line of its request does not.
func wrapApache(ctx context.Context, r *room, piece string) (map[string]string, error) {
	builtIn, err := builtIntoApache(ctx, r)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("ServerName localhost\nPidFile pid\nDefaultRuntimeDir temp\nServerLimit 32\nThreadsPerChild 64\nMaxRequestWorkers 512\nStartServers 1")
	for _, m := range apacheModules(&r.cluster) {
		if slices.Contains(builtIn, "mod_"+m+".c") || slices.Contains(builtIn, m+".c") {
			continue
		}
		if file := apacheModule(m); file != "" {
			line("LoadModule %s_module %s", m, quoted(file))
		} else if m == "proxy_balancer" || m == "mpm_event" {
			return nil, fmt.Errorf("cannot find Apache's module %s in %s", m, strings.Join(apachePlaces, ", "))
		}
	}
	if r.user != "" {
		for _, w := range r.cluster.Workers {
			if w.Socket != "" {
				return nil, errors.New("cannot let Apache reach the workers' sockets: started by root, it serves as a user who may not enter their folder")
			}
		}
		line("User %s\nGroup #%d", r.user, groupOf(r.user))
	}
	line(`LogLevel notice mpm_event:trace1
ErrorLog %[1]s
ErrorLogFormat "E\t%%-l\t%%P %%T\t%%-L\t%%M"
<IfModule logio_module>
    LogIOTrackTTFB ON
    LogFormat "A\t%%L\t%%>s\t%%B\t%%{usec}t\t%%D\t%%^FB\t%%X\t%%{BALANCER_WORKER_NAME}e\t%%a\t%%r\t%%{Host}i\t%%{Referer}i\t%%{User-Agent}i" lbdev_run
</IfModule>
<IfModule !logio_module>
    LogFormat "A\t%%L\t%%>s\t%%B\t%%{usec}t\t%%D\t-\t%%X\t%%{BALANCER_WORKER_NAME}e\t%%a\t%%r\t%%{Host}i\t%%{Referer}i\t%%{User-Agent}i" lbdev_run
</IfModule>
CustomLog %[1]s lbdev_run
Include piece.conf`, quoted(r.fifo()))
	return map[string]string{"httpd.conf": b.String(), "piece.conf": piece}, nil
}

func apacheModule(name string) string {
	for _, place := range apachePlaces {
		file := filepath.Join(place, "mod_"+name+".so")
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}

// builtIntoApache are its modules that need not be loaded.
func builtIntoApache(ctx context.Context, r *room) ([]string, error) {
	out, _, err := ask(ctx, r.dir, r.environ(), r.program.Path, "-l")
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s for its modules: %w", r.program.Name, err)
	}
	return strings.Fields(out), nil
}

// hearApache gets errors as their level, the process and their text, and before the log is open what Apache writes to its stderr.
func hearApache(line string) (o omen) {
	f := strings.SplitN(line, "\t", 3)
	if len(f) < 3 {
		o.show = line
		return o
	}
	level, text := f[0], f[2]
	switch {
	case level == "notice" && strings.Contains(text, "resuming normal operations"): // others may have a client's words in them
		o.ready = true
	case level == "notice" && strings.Contains(text, "caught SIGWINCH, shutting down"):
		o.leaving = true
	case strings.HasPrefix(text, "graceful termination received"):
		o.left = number(f[1])
	case strings.HasPrefix(text, "Child ") && strings.Contains(text, " started: pid "):
		_, pid, _ := strings.Cut(text, " started: pid ")
		pid, _, _ = strings.Cut(pid, ",")
		o.born = number(pid)
	case level == "notice", level == "info", level == "debug", strings.HasPrefix(level, "trace"):
	case level == "warn" && (strings.HasPrefix(text, "AH01873") || strings.HasPrefix(text, "AH01882")): // of TLS sessions and versions, at each reload
	default:
		o.show = level + ": " + text
	}
	return o
}

// apacheReader puts errors and requests together. An error of connecting says at whom, but not for which request; the next one of the
// same thread says that. Both come before the request's own line.
type apacheReader struct {
	room  *room
	met   map[string]int          // by process and thread: the port at which connecting has just failed
	tries map[string]*apacheTries // by the request's mark
}

// apacheTries are what went wrong for one request.
type apacheTries struct {
	refused []int
	lost    bool // a worker went before it answered, or while it did
}

// mostTries bounds what is remembered of requests whose own line never comes.
const mostTries = 10_000

func (r *apacheReader) read(line string) (*proxy.Access, string) {
	f := strings.Split(line, "\t")
	switch {
	case f[0] == "E" && len(f) >= 5:
		text := strings.Join(f[4:], " ")
		r.err(f[2], f[3], text)
		pid, _, _ := strings.Cut(f[2], " ")
		return nil, f[1] + "\t" + pid + "\t" + text
	case f[0] == "A" && len(f) >= 14:
		return r.access(f), ""
	}
	return nil, line
}

func (r *apacheReader) err(thread, mark, text string) {
	if _, rest, ok := strings.Cut(text, "AH00957: "); ok { // attempt to connect to 127.0.0.1:8001 (127.0.0.1:8001) failed
		_, address, _ := cutLast(rest, "(")
		address, _, _ = strings.Cut(address, ")")
		if len(r.met) > mostTries {
			clear(r.met)
		}
		r.met[thread] = r.room.port(address)
		return
	}
	if mark == "-" || mark == "" {
		return
	}
	if len(r.tries) > mostTries {
		clear(r.tries)
	}
	t := r.tries[mark]
	if t == nil {
		t = &apacheTries{}
		r.tries[mark] = t
	}
	switch {
	case strings.Contains(text, "AH01114"): // failed to make connection to backend
		if port := r.met[thread]; port != 0 {
			t.refused = append(t.refused, port)
		}
		delete(r.met, thread)
	case strings.Contains(text, "AH01102"), strings.Contains(text, "AH00898"), strings.Contains(text, "AH01110"), strings.Contains(text, "AH01097"), strings.Contains(text, "AH01084"):
		t.lost = true
	}
}

func (r *apacheReader) access(f []string) *proxy.Access {
	a := &proxy.Access{
		Status: number(f[2]), Client: told(f[9]), Host: told(unescapeApache(f[11])), Referer: told(unescapeApache(f[12])),
		UserAgent: told(unescapeApache(strings.Join(f[13:], "\t"))), Outcome: proxy.OK, Total: whole(f[5], time.Microsecond),
	}
	a.Bytes, _ = strconv.ParseInt(f[3], 10, 64)
	us, err := strconv.ParseInt(f[4], 10, 64)
	if err != nil || us <= 0 {
		us = time.Now().Add(-a.Total).UnixMicro()
	}
	a.Start = time.UnixMicro(us)
	requestLine(a, unescapeApache(f[10]))
	tries := r.tries[f[1]]
	delete(r.tries, f[1])
	if tries == nil {
		tries = &apacheTries{}
	}
	for _, port := range tries.refused {
		a.Attempts = append(a.Attempts, proxy.Attempt{Port: port, Result: proxy.ResultRefused})
	}
	r.judge(a, tries, r.room.port(f[8]), whole(f[6], time.Microsecond), f[7] == "X")
	spread(a)
	return a
}

func (r *apacheReader) judge(a *proxy.Access, tries *apacheTries, port int, first time.Duration, aborted bool) {
	asked := port != 0 && (len(tries.refused) == 0 || tries.lost || !blames(a.Status))
	if asked {
		a.Attempts = append(a.Attempts, proxy.Attempt{Port: port, Sent: true})
	}
	last := len(a.Attempts) - 1
	switch {
	case tries.lost && asked && blames(a.Status):
		a.Attempts[last].Result = proxy.ResultClosed
		a.Outcome, a.Reason = proxy.Failed, fmt.Sprintf("worker %d: %s", port, proxy.ResultClosed)
	case blames(a.Status) && len(tries.refused) > 0:
		a.Outcome, a.Reason = proxy.Failed, "no worker was left to be asked"
	case !asked && blames(a.Status):
		a.Outcome, a.Reason = proxy.Failed, "no worker was left to be asked"
	case !asked:
		a.Reason = "answered by Apache itself"
	default:
		answered(a, a.Status)
		a.Attempts[last].FirstByte = first
		switch {
		case tries.lost:
			a.Outcome, a.Reason = proxy.Cut, cutShort
			a.Attempts[last].Result = proxy.ResultClosed
		case aborted:
			a.Outcome, a.Reason = proxy.Canceled, "the client went away"
		}
	}
}

// unescapeApache undoes what Apache writes for bytes that could break a line: \", \\, \t, \xHH.
func unescapeApache(text string) string {
	if text == "-" {
		return ""
	}
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		c, _, rest, err := strconv.UnquoteChar(text, '"')
		if err != nil {
			c, rest = rune(text[0]), text[1:]
		}
		if c < 0x80 || err == nil && strings.HasPrefix(text, `\x`) {
			b.WriteByte(byte(c))
		} else {
			b.WriteRune(c)
		}
		text = rest
	}
	return b.String()
}
