package localca

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func mustOpen(t *testing.T, dir string) *Authority {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *Authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// leafFor is the certificate that a client gets who asks for a name.
func leafFor(t *testing.T, config *tls.Config, name string) *x509.Certificate {
	t.Helper()
	cert, err := config.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	return cert.Leaf
}

func TestAuthorityIsMadeOnceAndKeptSafe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "ca")
	if _, err := Find(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Find where there is none: %v", err)
	}
	first := mustOpen(t, dir)
	if runtime.GOOS != "windows" {
		for name, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, keyFile): 0o600, first.File(): 0o644} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s has mode %v, want %v (%v)", name, info.Mode().Perm(), want, err)
			}
		}
	}
	if again := mustOpen(t, dir); !again.cert.Equal(first.cert) {
		t.Error("a second Open has made another authority")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "*")); len(left) != 1 {
		t.Errorf("the folder has %q", left)
	}
}

func TestManyMakeOneAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var all sync.WaitGroup
	got := make([]*Authority, 8)
	for i := range got {
		all.Go(func() { got[i], _ = Open(dir) })
	}
	all.Wait()
	for _, a := range got {
		if a == nil || !a.cert.Equal(got[0].cert) {
			t.Fatal("not all have the same authority")
		}
	}
}

func TestAuthorityThatCannotBeUsed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(dir string) error
		want  string
	}{
		{"key for all", func(dir string) error { return os.Chmod(filepath.Join(dir, keyFile), 0o644) }, "others can read its key"},
		{"no key", func(dir string) error { return os.Remove(filepath.Join(dir, keyFile)) }, keyFile},
		{"junk", func(dir string) error { return os.WriteFile(filepath.Join(dir, certFile), []byte("junk"), 0o600) }, "no PEM file"},
		{"another's key", func(dir string) error {
			if _, err := Open(dir + "2"); err != nil {
				return err
			}
			return os.Rename(filepath.Join(dir+"2", keyFile), filepath.Join(dir, keyFile))
		}, "does not belong"},
	} {
		dir := filepath.Join(t.TempDir(), "ca")
		mustOpen(t, dir)
		if runtime.GOOS == "windows" && tt.name == "key for all" {
			continue
		}
		if err := tt.spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "cannot use the local CA") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAuthorityWhoseTimeIsOverIsReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	old := mustOpen(t, dir)
	old.cert.NotBefore, old.cert.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	der, err := x509.CreateCertificate(nil, old.cert, old.cert, old.key.Public(), old.key)
	if err == nil {
		err = writePEM(old.File(), 0o644, nil, der)
	}
	if err != nil {
		t.Fatal(err)
	}
	if fresh := mustOpen(t, dir); fresh.cert.SerialNumber.Cmp(old.cert.SerialNumber) == 0 {
		t.Error("it is still the old one")
	}
	if kept, _ := filepath.Glob(dir + "-until-*/" + keyFile); len(kept) != 1 {
		t.Error("the old one was not kept")
	}
}

func TestCertificate(t *testing.T) {
	a := mustOpen(t, filepath.Join(t.TempDir(), "ca"))
	config, left, err := a.Serve(append(Names(), "192.168.1.7", "127.0.0.1", "8.8.8.8", "shop.example"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(left, []string{"8.8.8.8", "shop.example"}) {
		t.Errorf("left are %q", left)
	}
	leaf := config.Certificates[0].Leaf
	if d := leaf.NotAfter.Sub(leaf.NotBefore); d > 397*24*time.Hour || d < 396*24*time.Hour {
		t.Errorf("it holds for %v", d)
	}
	for _, name := range []string{"localhost", "shop.localhost", "127.0.0.1", "::1", "192.168.1.7", Hostname()} {
		if _, err := leafFor(t, config, name).Verify(x509.VerifyOptions{Roots: a.pool(), DNSName: name}); err != nil && name != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if minted := leafFor(t, config, "Shop.localhost"); !slices.Equal(minted.DNSNames, []string{"shop.localhost"}) || minted != leafFor(t, config, "shop.localhost") {
		t.Errorf("asked for shop.localhost it gives %q, or another each time", minted.DNSNames)
	}
	for _, name := range []string{"example.com", "evil.localhost.example.com", "-x.localhost", "", strings.Repeat("x", 64) + ".localhost"} {
		if leafFor(t, config, name) != leaf {
			t.Errorf("asked for %q it makes a certificate", name)
		}
	}
	for i := range 2 * maxMinted {
		leafFor(t, config, "n"+strings.Repeat("x", i%60)+string(rune('a'+i/60))+".localhost")
	}
}

// A certificate is used again until its time is nearly over, its names change, or it is spoilt.
func TestCertificateIsKeptAndRenewed(t *testing.T) {
	a := mustOpen(t, filepath.Join(t.TempDir(), "ca"))
	serve := func(names ...string) *x509.Certificate {
		t.Helper()
		config, _, err := a.Serve(names)
		if err != nil {
			t.Fatal(err)
		}
		return config.Certificates[0].Leaf
	}
	first := serve("localhost", "127.0.0.1")
	if !serve("localhost", "127.0.0.1").Equal(first) {
		t.Error("the same names give another certificate")
	}
	if serve("localhost").Equal(first) {
		t.Error("other names give the same certificate")
	}
	files, _ := filepath.Glob(filepath.Join(a.dir, "server-*.pem"))
	if len(files) != 2 {
		t.Fatalf("the files are %q", files)
	}
	for _, file := range files {
		if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %v", file, info.Mode())
		}
	}
	late := *first
	late.NotAfter = time.Now().Add(renewBefore - time.Hour)
	if a.usable(&late, []string{"localhost", "127.0.0.1"}) {
		t.Error("one that ends in less than a month is usable")
	}
	for _, file := range files {
		if err := os.WriteFile(file, []byte("junk"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if serve("localhost", "127.0.0.1").Equal(first) {
		t.Error("the spoilt file gives the same certificate")
	}
	other := mustOpen(t, filepath.Join(t.TempDir(), "ca"))
	if other.usable(first, []string{"localhost", "127.0.0.1"}) {
		t.Error("another authority's certificate is usable")
	}
}

// TestConstraintsHold makes certificates that the authority must not make, and has Go and OpenSSL refuse them.
func TestConstraintsHold(t *testing.T) {
	a := mustOpen(t, filepath.Join(t.TempDir(), "ca"))
	for name, good := range map[string]bool{
		"localhost": true, "shop.localhost": true, "*.localhost": true, "127.0.0.1": true, "::1": true, "10.1.2.3": true, "box.local": true,
		"example.com": false, "localhost.com": false, "notlocalhost": false, "8.8.8.8": false, "2001:db8::1": false,
	} {
		if a.vouches(name) != good {
			t.Errorf("it vouches for %s: %v", name, !good)
		}
		cert, err := a.sign([]string{name}, a.key)
		if err != nil {
			t.Fatal(err)
		}
		asked := strings.Replace(name, "*", "x", 1)
		if _, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: a.pool(), DNSName: asked}); (err == nil) != good {
			t.Errorf("Go takes %s: %v", name, err)
		}
		file := filepath.Join(t.TempDir(), "leaf.pem")
		if err := writePEM(file, 0o600, nil, cert.Certificate[0]); err != nil {
			t.Fatal(err)
		}
		verify := []string{"verify", "-CAfile", a.File()}
		switch {
		case net.ParseIP(name) != nil:
			verify = append(verify, "-verify_ip", name)
		case name != "*.localhost": // which it takes for no name of x.localhost: hence the mint
			verify = append(verify, "-verify_hostname", asked)
		}
		out, err := exec.Command("openssl", append(verify, file)...).CombinedOutput()
		if (err == nil) != good {
			t.Errorf("OpenSSL takes %s: %v\n%s", name, err, out)
		}
	}
}
