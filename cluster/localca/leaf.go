package localca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// leafLifetime is how long a server's certificate holds. Browsers accept 398 days at most; one less leaves room for what
	// counts as a day.
	leafLifetime = 397 * 24 * time.Hour
	// renewBefore is how much of that must be left for it to be used once more.
	renewBefore = 30 * 24 * time.Hour
	// maxMinted bounds how many names are kept that clients have asked for.
	maxMinted = 128
)

// Names are those of this machine, with which every certificate should begin.
func Names() []string {
	names := []string{"localhost", "*.localhost", "127.0.0.1", "::1"}
	if host := Hostname(); host != "" && host != "localhost" {
		names = append(names, host)
	}
	return names
}

// Serve returns how a server speaks TLS under the given names and addresses, and any name below localhost. left are those that
// the authority can't vouch for. The certificate is kept in the authority's folder, so that a browser that was told to accept it
// is not asked again at each start; it is made anew when its time is nearly over.
func (a *Authority) Serve(names []string) (config *tls.Config, left []string, err error) {
	names, left = a.sort(names)
	cert, err := a.leaf(names)
	if err != nil {
		return nil, nil, err
	}
	m := &mint{authority: a, cert: cert, minted: map[string]*tls.Certificate{}}
	return &tls.Config{GetCertificate: m.get, Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}, left, nil
}

// sort parts names that can be had from others, and takes out what is there twice.
func (a *Authority) sort(names []string) (good, left []string) {
	seen := map[string]bool{}
	for _, name := range names {
		name = strings.ToLower(name)
		if ip := net.ParseIP(name); ip != nil {
			name = ip.String()
		}
		switch {
		case seen[name]:
		case a.vouches(name):
			good = append(good, name)
		default:
			left = append(left, name)
		}
		seen[name] = true
	}
	return good, left
}

// leaf loads the certificate for these names, or makes one.
func (a *Authority) leaf(names []string) (*tls.Certificate, error) {
	sum := sha256.Sum256([]byte(strings.Join(names, "\n")))
	file := filepath.Join(a.dir, "server-"+hex.EncodeToString(sum[:6])+".pem")
	if data, err := os.ReadFile(file); err == nil {
		if cert, err := tls.X509KeyPair(data, data); err == nil && a.usable(cert.Leaf, names) {
			return &cert, nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert, err := a.sign(names, key)
	if err != nil {
		return nil, err
	}
	return cert, replacePEM(file, key, cert.Certificate[0])
}

// usable says whether a certificate is ours, for exactly these names, and has time left.
func (a *Authority) usable(cert *x509.Certificate, names []string) bool {
	now := time.Now()
	if cert.CheckSignatureFrom(a.cert) != nil || now.Before(cert.NotBefore) || now.Add(renewBefore).After(cert.NotAfter) {
		return false
	}
	has := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		has = append(has, ip.String())
	}
	want := slices.Clone(names)
	slices.Sort(has)
	slices.Sort(want)
	return slices.Equal(has, want)
}

// sign makes a server's certificate.
func (a *Authority) sign(names []string, key *ecdsa.PrivateKey) (*tls.Certificate, error) {
	now := time.Now()
	until := now.Add(leafLifetime - backdated)
	if until.After(a.cert.NotAfter) {
		until = a.cert.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		// No name of a host: OpenSSL takes one here for a DNS name that the constraints have to permit, an address as well.
		Subject:     pkix.Name{Organization: []string{"lbdev"}, CommonName: "lbdev front"},
		NotBefore:   now.Add(-backdated),
		NotAfter:    until,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// A mint makes certificates for names below localhost as clients ask for them. The wildcard in the one that is kept would do by
// the letter, but browsers and curl take none that has only one label behind the star.
type mint struct {
	authority *Authority
	cert      *tls.Certificate

	mu     sync.Mutex
	minted map[string]*tls.Certificate
}

func (m *mint) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(hello.ServerName)
	if !strings.HasSuffix(name, ".localhost") || !isDomain(name) {
		return m.cert, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if cert := m.minted[name]; cert != nil {
		return cert, nil
	}
	key, ok := m.cert.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || len(m.minted) >= maxMinted {
		return m.cert, nil
	}
	cert, err := m.authority.sign([]string{name}, key)
	if err != nil {
		return nil, err
	}
	m.minted[name] = cert
	return cert, nil
}

// encode is the PEM form of certificates and, behind them, a key.
func encode(key *ecdsa.PrivateKey, certs ...[]byte) ([]byte, error) {
	var b bytes.Buffer
	for _, der := range certs {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			return nil, err
		}
	}
	if key != nil {
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return nil, err
		}
		if err := pem.Encode(&b, &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// writePEM writes a new file.
func writePEM(file string, mode os.FileMode, key *ecdsa.PrivateKey, certs ...[]byte) error {
	data, err := encode(key, certs...)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, mode)
}

// replacePEM writes a file that only the user can read, in one step.
func replacePEM(file string, key *ecdsa.PrivateKey, certs ...[]byte) error {
	data, err := encode(key, certs...)
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(file), ".server-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name()) // fails when all went well
	_, err = draft.Write(data)
	if closeErr := draft.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(draft.Name(), file)
}
