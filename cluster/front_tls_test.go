package cluster

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs/misbehave"
)

// ownTLS is a server's side of TLS for 127.0.0.1, a client's that believes it, and the authority's file.
func ownTLS(t *testing.T) (server, client *tls.Config, file string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	s.Close()
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: pool}, file
}

// ask sends one request over a connection of its own and follows no redirect.
func ask(t *testing.T, client *tls.Config, http2 bool, url string) (*http.Response, string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: client, DisableKeepAlives: true, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	c := &http.Client{
		Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestTLS(t *testing.T) {
	server, client, ca := ownTLS(t)
	base := freePorts(t, 23)
	c := open(t, Config{
		Command: misbehave.Argv("serve"), Workers: 2, BasePort: base, TLS: server,
		MoreListen: []string{fmt.Sprintf("127.0.0.1:%d", base+21)}, Redirect: fmt.Sprintf("127.0.0.1:%d", base+22),
	})
	c.awaitAll(2, Ready)
	front := fmt.Sprintf("https://127.0.0.1:%d", base+20)
	if s := c.Snapshot(); s.Front != front || len(s.Listen) != 2 || s.Redirect != fmt.Sprintf("http://127.0.0.1:%d", base+22) {
		t.Errorf("the addresses are %q, %q and %q", s.Front, s.Listen, s.Redirect)
	}
	host := strings.TrimPrefix(front, "https://")
	for _, http2 := range []bool{false, true} {
		resp, body := ask(t, client, http2, front+"/seen")
		if want := fmt.Sprintf("https %s for 127.0.0.1 host %[1]s\n", host); body != want || resp.ProtoMajor == 2 != http2 || resp.TLS == nil {
			t.Errorf("over %s: %q, want %q", resp.Proto, body, want)
		}
		if resp, _ := ask(t, client, http2, front+"/moved"); resp.Header.Get("Location") != front+"/seen" {
			t.Errorf("over %s a worker's own address became %q", resp.Proto, resp.Header.Get("Location"))
		}
	}
	if got := runClient(t, "curl", "-sS", "--cacert", ca, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", front); got != "2 200" {
		t.Errorf("curl: %q", got)
	}
	if out := runClient(t, "nghttp", "-n", "-v", front); !strings.Contains(out, "The negotiated protocol: h2") || !strings.Contains(out, ":status: 200") {
		t.Errorf("nghttp:\n%s", out)
	}
	if out := runClient(t, "h2load", "-n", "400", "-c", "2", "-m", "50", front); !strings.Contains(out, "400 succeeded, 0 failed") {
		t.Errorf("h2load:\n%s", out)
	}
}

// TestPlainHTTPIsSentToHTTPS: on the port of https itself, and on an address of its own, by HTTP/1 and HTTP/2.
func TestPlainHTTPIsSentToHTTPS(t *testing.T) {
	server, _, _ := ownTLS(t)
	base := freePorts(t, 23)
	c := open(t, Config{
		Command: misbehave.Argv("serve"), Workers: 1, BasePort: base, TLS: server,
		MoreListen: []string{fmt.Sprintf("127.0.0.1:%d", base+21)}, Redirect: fmt.Sprintf("127.0.0.1:%d", base+22),
	})
	c.awaitAll(1, Ready)
	front, second, redirect := base+20, base+21, base+22
	for _, tt := range []struct {
		port                    int
		request, status, locate string
	}{
		{front, "GET /a?b=c%20d HTTP/1.1\r\nHost: shop.localhost:%d\r\n\r\n", "308", "https://shop.localhost:%d/a?b=c%%20d"},
		{front, "POST / HTTP/1.1\r\nHost: [::1]:%d\r\nContent-Length: 2\r\n\r\nhi", "308", "https://[::1]:%d/"},
		{front, "GET / HTTP/1.0\r\n\r\n", "308", "https://localhost:%d/"},
		{front, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "308", "https://x:%d/"},
		{second, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "308", "https://x:%d/"},
		{redirect, "GET //evil.example/ HTTP/1.1\r\nHost: x:80\r\n\r\n", "308", "https://x:%d//evil.example/"},
		{front, "nonsense all over\r\n\r\n", "400", ""},
	} {
		leads := tt.port
		if leads == redirect {
			leads = front
		}
		text, want := tt.request, ""
		if strings.Contains(text, ":%d") {
			text = fmt.Sprintf(strings.ReplaceAll(text, "%20", "%%20"), tt.port)
		}
		if tt.locate != "" {
			want = fmt.Sprintf(tt.locate, leads)
		}
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", tt.port))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, text)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if !strings.HasPrefix(resp.Status, tt.status) || resp.Header.Get("Location") != want {
			t.Errorf("%q: %s to %q, want %s to %q", text, resp.Status, resp.Header.Get("Location"), tt.status, want)
		}
	}
	for _, port := range []int{front, redirect} {
		got := runClient(t, "curl", "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{redirect_url}", fmt.Sprintf("http://127.0.0.1:%d/x", port))
		if want := fmt.Sprintf("2 308 https://127.0.0.1:%d/x", front); got != want {
			t.Errorf("curl: %q, want %q", got, want)
		}
	}
	if s := c.Snapshot(); s.Requests.Total != 1 || s.Workers[0].Requests != 0 { // the nonsense, which was refused
		t.Errorf("%+v, the worker had %d", s.Requests, s.Workers[0].Requests)
	}
}

// TestSilentClientsOfTLSKeepNobodyWaiting: connections that never say a word, or stop in the handshake.
func TestSilentClientsOfTLSKeepNobodyWaiting(t *testing.T) {
	server, client, _ := ownTLS(t)
	c := open(t, Config{Command: misbehave.Argv("serve"), Workers: 1, TLS: server})
	c.awaitAll(1, Ready)
	address := strings.TrimPrefix(c.FrontURL(), "https://")
	for i := range 50 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("\x16\x03\x01\x02\x00\x01")[:6*(i%2)])
	}
	if resp, _ := ask(t, client, true, c.FrontURL()+"/"); resp.StatusCode != http.StatusOK {
		t.Errorf("%s", resp.Status)
	}
	began := time.Now()
	c.close()
	if took := time.Since(began); took > patience/2 {
		t.Errorf("they kept the front open for %v", took)
	}
}
