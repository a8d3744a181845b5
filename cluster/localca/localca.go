// Package localca is a certificate authority for one user's machine: it makes the certificate with which the front speaks TLS,
// so that nobody has to buy one for localhost.
//
//	ca, err := localca.Open(dir)                              // made at the first call
//	config, err := ca.Serve([]string{"localhost", "127.0.0.1"}) // a *tls.Config
//
// Browsers believe it when its certificate, ca.File, is in their trust store; that is the user's to do. The key lies in a file
// that only the user can read. Should it be stolen, it is of little use: the certificate says, by name constraints (RFC 5280
// section 4.2.1.10), that it vouches for this machine, names that exist in local networks only, and private addresses, and
// for nothing on the Internet.
package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	certFile = "ca.pem"
	keyFile  = "ca-key.pem"
	// lifetime is how long the authority lives. Replacing it means that every trust store has to be changed again.
	lifetime = 10 * 365 * 24 * time.Hour
	// backdated is how far back certificates begin to hold: the clock of a phone or a virtual machine may be behind.
	backdated = time.Hour
)

// An Authority makes certificates. Its methods may be called from any goroutine.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Open loads the authority in a folder, or makes one there. One whose time is over is moved away and replaced.
func Open(dir string) (*Authority, error) {
	for range 3 { // another lbdev may make it at the same time, and then we load that one
		a, err := load(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case time.Now().After(a.cert.NotAfter):
			if err := os.Rename(dir, fmt.Sprintf("%s-until-%s", dir, a.cert.NotAfter.Format("2006-01-02"))); err != nil {
				return nil, fmt.Errorf("cannot replace the local CA %q, whose time is over: %w", dir, err)
			}
		default:
			return a, nil
		}
		if err := create(dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("cannot make a local CA in %q: %w", dir, bare(err))
		}
	}
	return nil, fmt.Errorf("cannot make a local CA in %q: it comes and goes", dir)
}

// Find loads the authority in a folder; fs.ErrNotExist means that there is none.
func Find(dir string) (*Authority, error) { return load(dir) }

// File is the path of the authority's certificate.
func (a *Authority) File() string { return filepath.Join(a.dir, certFile) }

// Certificate is the authority's.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

func load(dir string) (*Authority, error) {
	fault := func(format string, args ...any) error {
		return fmt.Errorf("cannot use the local CA in %q: %w", dir, fmt.Errorf(format, args...))
	}
	certPEM, err := os.ReadFile(filepath.Join(dir, certFile))
	if err != nil {
		return nil, fault("%w", bare(err))
	}
	info, err := os.Stat(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fault("%s: %v", keyFile, bare(err))
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" { // whose file modes say nothing of that
		return nil, fault("others can read its key: %s has mode %04o", keyFile, info.Mode().Perm())
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fault("%s: %v", keyFile, bare(err))
	}
	cert, key, err := parse(certPEM, keyPEM)
	switch {
	case err != nil:
		return nil, fault("%w", err)
	case !cert.IsCA:
		return nil, fault("%s is no certificate of an authority", certFile)
	}
	return &Authority{dir: dir, cert: cert, key: key}, nil
}

// parse reads a certificate and the key that belongs to it.
func parse(certPEM, keyPEM []byte) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, nil, errors.New("a file of it is no PEM file")
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, errors.New("its key does not belong to its certificate")
	}
	return cert, key, nil
}

// create makes an authority in a folder beside the one that is wanted, which gets its name in one step: nobody ever sees half
// of it, and of two who do it at the same time one fails with fs.ErrExist.
func create(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(filepath.Dir(dir), ".ca-*") // with mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(draft)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := template()
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(draft, keyFile), 0o600, key); err != nil {
		return err
	}
	if err := writePEM(filepath.Join(draft, certFile), 0o644, nil, der); err != nil {
		return err
	}
	err = os.Rename(draft, dir)
	if _, statErr := os.Stat(filepath.Join(dir, certFile)); err != nil && statErr == nil {
		return fs.ErrExist // systems have different words for a folder that is not empty
	}
	return err
}

// template is the authority's certificate before it is signed.
func template() *x509.Certificate {
	now := time.Now()
	names, addresses := vouchesFor()
	return &x509.Certificate{
		SerialNumber:                serial(),
		Subject:                     pkix.Name{Organization: []string{"lbdev"}, CommonName: "lbdev local CA of " + owner()},
		NotBefore:                   now.Add(-backdated),
		NotAfter:                    now.Add(lifetime),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         names,
		PermittedIPRanges:           addresses,
	}
}

// vouchesFor are the names, with all below them, and the addresses that the authority may make certificates for: those that
// mean this machine or one in the local network (RFC 6761, 6762, 8375, 9476; RFC 1918, 4193, 6598, 3927).
func vouchesFor() (names []string, addresses []*net.IPNet) {
	names = []string{"localhost", "local", "test", "internal", "home.arpa", "lan"}
	if host := Hostname(); host != "" {
		names = append(names, host)
	}
	for _, block := range []string{
		"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7",
		"fe80::/10",
	} {
		_, address, err := net.ParseCIDR(block)
		if err != nil {
			panic("localca: " + err.Error())
		}
		addresses = append(addresses, address)
	}
	return names, addresses
}

// vouches says whether the authority may make certificates for a name or address.
func (a *Authority) vouches(name string) bool {
	if ip := net.ParseIP(name); ip != nil {
		for _, block := range a.cert.PermittedIPRanges {
			if block.Contains(ip) {
				return true
			}
		}
		return false
	}
	for _, domain := range a.cert.PermittedDNSDomains {
		if name == domain || strings.HasSuffix(name, "."+domain) {
			return true
		}
	}
	return false
}

// Hostname is the machine's name, as far as it can stand in a certificate; else "".
func Hostname() string {
	host, err := os.Hostname()
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if err != nil || !isDomain(host) || net.ParseIP(host) != nil {
		return ""
	}
	return host
}

// isDomain says whether a name consists of labels of letters, digits and hyphens (RFC 5890 section 2.3.1).
func isDomain(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// owner says whose authority it is, for those who find it in a trust store.
func owner() string {
	name := "a user"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil && !strings.ContainsAny(name, `\@`) {
		name += "@" + host
	}
	return name
}

// serial is a number that no other certificate has.
func serial() *big.Int {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		panic("localca: " + err.Error()) // which package rand never lets happen
	}
	return n
}

// bare is an error of a file without the path, which whoever reports it names.
func bare(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
