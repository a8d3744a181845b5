//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/localca"
)

// certificate writes a self-signed certificate and its key.
func certificate(t *testing.T, from, until time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestCertificateFiles(t *testing.T) {
	now := time.Now()
	cert, key := certificate(t, now.Add(-time.Hour), now.Add(time.Hour))
	_, otherKey := certificate(t, now.Add(-time.Hour), now.Add(time.Hour))
	oldCert, oldKey := certificate(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	newCert, newKey := certificate(t, now.Add(time.Hour), now.Add(2*time.Hour))
	both := filepath.Join(t.TempDir(), "both.pem")
	c, _ := os.ReadFile(cert)
	k, _ := os.ReadFile(key)
	if err := os.WriteFile(both, append(c, k...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, cert, key, want string }{
		{"good", cert, key, ""},
		{"in one file", both, both, ""},
		{"another's key", cert, otherKey, "private key does not match public key"},
		{"expired", oldCert, oldKey, "it expired on "},
		{"not yet", newCert, newKey, "it begins to hold on "},
		{"no certificate", "/nowhere", key, `cannot read TLS certificate "/nowhere": no such file or directory`},
		{"no key", cert, "/nowhere", `cannot read TLS key "/nowhere"`},
		{"a key for a certificate", key, key, "cannot use TLS certificate"},
	} {
		_, err := loadCertificate(tt.cert, tt.key, now)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "cannot ")) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestUpTLS runs lbdev with its own CA, with the CA's file as all that a client knows.
func TestUpTLS(t *testing.T) {
	data := t.TempDir()
	t.Setenv("XDG_DATA_HOME", data)
	u := startUp(t, "--tls", "--sample", "-n", "2")
	u.awaitReady(2)
	cmd, _ := lbdevCommand(t, "trust", "--print")
	out, err := cmd.Output()
	file := strings.TrimSpace(string(out))
	if err != nil || file != filepath.Join(data, "lbdev", "ca", "ca.pem") {
		t.Fatalf("the CA is at %q (%v)", file, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}, Timeout: patience}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		resp, err := client.Get(fmt.Sprintf("https://%s:%d/", host, u.base+40))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Lbdev-Worker") == "" {
			t.Errorf("%s: %s", host, resp.Status)
		}
	}
}

// TestDoctorLooksAtTheCA before there is one, when it is not trusted, and when it can't be used.
func TestDoctorLooksAtTheCA(t *testing.T) {
	data := t.TempDir()
	t.Setenv("XDG_DATA_HOME", data)
	dir := filepath.Join(data, "lbdev", "ca")
	want := func(status verdict, text string) {
		t.Helper()
		if got := checkTrust(nil, t.Context()); len(got) != 1 || got[0].Status != status || !strings.Contains(got[0].Text, text) {
			t.Errorf("%+v, want %s with %q", got, status, text)
		}
	}
	want(fine, "when it is first used")
	if _, err := localca.Open(dir); err != nil {
		t.Fatal(err)
	}
	want(notable, "is not in the system's trust store")
	if err := os.Chmod(filepath.Join(dir, "ca-key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	want(problem, "others can read its key")
}

// TestTrust plays with stores of its own: the machine's are not a test's to change.
func TestTrust(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	ca, err := localca.Open(filepath.Join(os.Getenv("XDG_DATA_HOME"), "lbdev", "ca"))
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]*x509.Certificate{}
	store := func(name string) trustStore {
		return trustStore{
			name:    name,
			install: func(c *x509.Certificate) error { has[name] = c; return nil },
			remove:  func(*x509.Certificate) error { delete(has, name); return nil },
		}
	}
	broken := trustStore{name: "broken", install: func(*x509.Certificate) error { return errors.New("no") }, remove: func(*x509.Certificate) error { return nil }}
	stores := []trustStore{broken, store("a"), {name: "absent", missing: "it is not there"}, store("b")}
	run := func(args ...string) (string, error) {
		var out strings.Builder
		app := &cli.App{Writer: &out, ErrWriter: &strings.Builder{}, ExitErrHandler: func(*cli.Context, error) {}}
		command := trustCommand()
		command.Action = func(c *cli.Context) error { return changeTrust(c, ca, stores, &trustResult{CA: ca.File()}) }
		app.Commands = []*cli.Command{command}
		err := app.Run(append([]string{"lbdev", "trust"}, args...))
		return out.String(), err
	}
	out, err := run("--json")
	var got trustResult
	if jsonErr := json.Unmarshal([]byte(out), &got); jsonErr != nil {
		t.Fatalf("%v in %q", jsonErr, out)
	}
	want := []storeResult{{"broken", false, "no"}, {"a", true, ""}, {"absent", false, "it is not there"}, {"b", true, ""}}
	if got.CA != ca.File() || fmt.Sprint(got.Stores) != fmt.Sprint(want) || len(has) != 2 || !has["b"].Equal(ca.Certificate()) {
		t.Errorf("trust has done %+v, the stores have %d", got, len(has))
	}
	if err == nil || exitCode(err) != exitFailed || !strings.Contains(err.Error(), "cannot change broken: no") {
		t.Errorf("the error is %v", err)
	}
	if out, err = run("--remove"); err != nil || len(has) != 0 || !strings.Contains(out, "it is out of b") {
		t.Errorf("%v, the stores have %d, said was %q", err, len(has), out)
	}
}
