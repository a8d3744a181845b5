package proxy

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lbdev/lbdev/proxy/balance"
	"github.com/lbdev/lbdev/proxy/fault"
	"github.com/lbdev/lbdev/proxy/inspect"
)

// An Outcome is how a request ended, as its client saw it.
type Outcome string

// The outcomes.
const (
	OK       Outcome = "ok"       // a worker answered, whatever its status was, or we refused what the client sent
	Rescued  Outcome = "rescued"  // a worker answered after another attempt had failed; the client saw nothing
	Failed   Outcome = "failed"   // the client got an error that we or a dead worker made
	Cut      Outcome = "cut"      // the worker died in the middle of its response, which was aborted
	Canceled Outcome = "canceled" // the client went away
)

// An Access tells of one request when it is over.
type Access struct {
	Start        time.Time
	Method       string
	Path         string // as the client sent it, with its query
	Proto        string // HTTP/1.1
	Host         string
	Client       string // the address it came from, without the port
	User         string // whom Basic authentication named, unproven; the password is kept nowhere
	Referer      string // as the client sent it; nothing in it can be trusted
	UserAgent    string // the same
	Status       int    // what the client got; 0 = it went away before
	Worker, Port int    // who answered; 0 = no worker did
	Outcome      Outcome
	Held         time.Duration // how long it waited because no worker was ready
	Total        time.Duration
	Bytes        int64           // of the body that the client got; of a tunnel, what went to the client
	Attempts     []Attempt       // every worker that was asked, in order
	Reason       string          // why it failed, was cut, canceled or refused, for people; else ""
	Kept         *inspect.Record // what it consisted of, if that was kept: see Proxy.Inspect. It stays valid after the call
}

// An Attempt is one worker asked for one request.
type Attempt struct {
	Worker, Port int
	Incarnation  uint64
	Result       string        // the status, or what went wrong: see the Result constants
	Sent         bool          // at least one byte of the request went out
	Reused       bool          // over a connection that had served another request
	Start        time.Duration // after the start of the request; while it is held, of the first of many that went the same way
	Connect      time.Duration // 0 if Reused
	FirstByte    time.Duration // from the start of the attempt to the first byte of an answer; 0 = none came
	Total        time.Duration // until it failed, or the answer was delivered
	Fault        fault.Kind    // what the worker was made to do wrong; empty = nothing

	why   balance.Why
	known []WorkerView // the workers when it was chosen
}

// What went wrong with an attempt.
const (
	ResultRefused     = "refused"     // nobody listens on the port
	ResultUnreachable = "unreachable" // connecting failed otherwise
	ResultTimeout     = "timeout"     // connecting took too long
	ResultReset       = "reset"       // the connection was reset: mostly a process that died
	ResultClosed      = "closed"      // the connection was closed before the answer was complete
	ResultNonsense    = "nonsense"    // what came back is no HTTP response
	ResultCanceled    = "canceled"    // the client went away first
	ResultEnded       = "ended"       // nothing: a connection of TCP mode came to its end
	ResultPaused      = "paused"      // the worker was frozen, and the request taken back from it: see Backend.Abandon
	ResultSilent      = "silent"      // it did not answer, and another one that was asked too did: see Backend.Hedge
	ResultLate        = "late"        // it was asked too, and the first one answered before it
)

// A Failure is a request that lbdev itself answers, with an error.
type Failure struct {
	Status     int           // 502, 503; 400 and 405 are the client's own fault
	Reason     string        // for people
	Attempts   []Attempt     // valid during the call
	RetryAfter time.Duration // when trying again makes sense; 0 = unknown. The header is set already
	Workers    []WorkerView  // what each worker is doing
}

// A WorkerView is what the proxy knows of a worker.
type WorkerView struct {
	Worker, Port int
	Status       Status
	Incarnation  uint64
	State        string // what its owner calls what it is doing; may be empty
	Weight       int
	Backup       bool
	Ejected      bool // it has answered with too many errors
}

// plainErrorPage is the error page when nobody has a better one.
func plainErrorPage(w http.ResponseWriter, r *http.Request, f Failure) {
	var text strings.Builder
	text.WriteString(strconv.Itoa(f.Status) + " " + http.StatusText(f.Status) + "\n\n" + f.Reason + "\n")
	for _, wv := range f.Workers {
		text.WriteString("\n  " + strconv.Itoa(wv.Port) + " " + string(wv.Status))
	}
	if len(f.Workers) > 0 {
		text.WriteString("\n")
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(f.Status)
	if r.Method != http.MethodHead {
		io.WriteString(w, text.String())
	}
}

// Stats are the requests since the start. Total = OK + Failed + Cut + Canceled + InFlight; rescued and held ones are also
// one of these.
type Stats struct {
	Total       uint64
	OK          uint64
	Failed      uint64
	Rescued     uint64
	Held        uint64
	Cut         uint64
	Canceled    uint64
	InFlight    int64
	LongestWait time.Duration // of a held request
	Retries     uint64        // attempts beyond the first of a request
	Codes       Codes         // of what lbdev itself has answered
	Waits       Histogram     // of held requests
}
