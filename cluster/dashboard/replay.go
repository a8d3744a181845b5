package dashboard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/cluster/control"
	"github.com/lbdev/lbdev/proxy"
)

// A replayOrder is the body of POST v1/requests/{seq}/replay.
type replayOrder struct {
	Sure bool `json:"sure"` // somebody has been asked whether what it may change shall be changed again
}

// replay is the handler of POST v1/requests/{seq}/replay: the same request once more, with what was kept of it.
func (s *Server) replay(w http.ResponseWriter, r *http.Request) {
	var order replayOrder
	if !control.Decode(w, r, &order) {
		return
	}
	found := s.find(w, r)
	if found == nil {
		return
	}
	if err := s.mayReplay(found); err != nil {
		control.Refuse(w, http.StatusConflict, err.Error(), "send it again from where it came")
		return
	}
	if !safe(found.Method) && !order.Sure {
		control.Refuse(w, http.StatusConflict, fmt.Sprintf("cannot replay a %s unasked: it may change something twice", found.Method), `say {"sure":true}`)
		return
	}
	again := s.sender.again(found)
	s.sender.start(func() { s.sender.do(again) })
	control.Answer(w, http.StatusAccepted, struct{}{})
}

// mayReplay says what there is against sending a request again.
func (s *Server) mayReplay(found *cluster.PastRequest) error {
	k := found.Kept
	switch {
	case found.Worker == 0 && found.Outcome == proxy.OK:
		return errors.New("cannot replay what lbdev has refused")
	case k == nil && found.Method != http.MethodGet && found.Method != http.MethodHead:
		return fmt.Errorf("cannot replay this %s: at so many requests a second heads and bodies are kept of some only", found.Method)
	case k != nil && !k.Request.Body.Whole:
		return fmt.Errorf("cannot replay this %s: only the beginning of its body was kept", found.Method)
	case found.Status == http.StatusSwitchingProtocols:
		return errors.New("cannot replay a change of protocol")
	}
	return s.sender.usable(found.Method, found.Path)
}

// again is a request as it came: its target as it was written, its end-to-end fields, its body. usable has agreed.
func (s *sender) again(found *cluster.PastRequest) *http.Request {
	r := s.request(found.Method, found.Path)
	if r.URL.RequestURI() != found.Path {
		target := found.Path
		if strings.HasPrefix(target, "//") {
			target = "//" + found.Host + target // which net/http takes for the host that follows the scheme
		}
		r.URL = &url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Opaque: target}
	}
	r.Host = found.Host
	if found.Kept == nil {
		return r
	}
	sent := &found.Kept.Request
	r.Header = proxy.EndToEnd(sent.Head)
	r.Header.Del("Expect")
	if r.Header["User-Agent"] == nil {
		r.Header["User-Agent"] = nil // the key alone keeps net/http from inventing one
	}
	if len(sent.Body.Start) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(sent.Body.Start)), sent.Body.Bytes
	}
	return r
}
