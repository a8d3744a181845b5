package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lbdev/lbdev/cluster/localca"
)

// secure reads the flags that make the front speak TLS. The addresses are known by then.
func (p *plan) secure(c *cli.Context) error {
	certFile, keyFile := c.String("tls-cert"), c.String("tls-key")
	usage := func(flag, hint, format string, args ...any) error {
		return &commandError{code: exitUsage, err: fmt.Errorf(format, args...), hint: hint, flag: flag}
	}
	switch {
	case keyFile != "" && certFile == "":
		return usage("tls-key", "lbdev up --tls-cert cert.pem --tls-key key.pem …", "cannot use TLS key %q without a certificate", keyFile)
	case certFile != "":
		return p.ownCertificate(certFile, keyFile)
	case c.Bool("tls") && writesOnly(c): // which makes no CA
		p.config.TLS = &tls.Config{}
	case c.Bool("tls") && !c.Bool("print-config"): // which makes no CA
		return p.localCertificate()
	}
	return nil
}

// ownCertificate takes the certificate from files. A key that is not named lies with it.
func (p *plan) ownCertificate(certFile, keyFile string) error {
	if keyFile == "" {
		keyFile = certFile
	}
	cert, err := loadCertificate(certFile, keyFile, time.Now())
	if err != nil {
		return &commandError{
			code: exitConfig, err: err, hint: "--tls-cert and --tls-key are PEM files, the certificate with those between it and its root; or let lbdev make one:  --tls",
		}
	}
	p.config.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	p.config.TLSCert, p.config.TLSKey = absolute(certFile), absolute(keyFile)
	return nil
}

// loadCertificate reads a certificate that can be used now.
func loadCertificate(certFile, keyFile string, now time.Time) (cert tls.Certificate, err error) {
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return cert, fmt.Errorf("cannot read TLS certificate %q: %w", certFile, bare(err))
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return cert, fmt.Errorf("cannot read TLS key %q: %w", keyFile, bare(err))
	}
	if cert, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		return cert, fmt.Errorf("cannot use TLS certificate %q with key %q: %w", certFile, keyFile, err)
	}
	switch leaf := cert.Leaf; {
	case now.After(leaf.NotAfter):
		return cert, fmt.Errorf("cannot use TLS certificate %q: it expired on %s", certFile, leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return cert, fmt.Errorf("cannot use TLS certificate %q: it begins to hold on %s", certFile, leaf.NotBefore.Format(time.DateOnly))
	}
	return cert, nil
}

// bare is an error of a file without its path, which the text names already.
func bare(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// localCertificate lets the local CA make one.
func (p *plan) localCertificate() error {
	fault := func(err error) error {
		return &commandError{code: exitFailed, err: err, hint: "remove that folder to begin anew (lbdev trust --remove  first), or bring a certificate:  --tls-cert FILE --tls-key FILE"}
	}
	dir, err := caDir()
	if err != nil {
		return fault(err)
	}
	ca, err := localca.Open(dir)
	if err != nil {
		return fault(err)
	}
	config, left, err := ca.Serve(append(localca.Names(), p.listenHosts()...))
	if err != nil {
		return fault(fmt.Errorf("cannot make a certificate: %w", err))
	}
	p.config.TLS = config
	if !trusted(config.Certificates[0].Leaf) {
		p.notes = append(p.notes, "https by lbdev's own CA: browsers warn until  lbdev trust  ; curl --cacert "+ca.File())
	}
	for _, name := range left {
		p.notes = append(p.notes, fmt.Sprintf("warning: the certificate does not name %s, which is no address of this machine or a local network; use --tls-cert", name))
	}
	return nil
}

// trusted says whether programs that use the system's trust store believe a certificate.
func trusted(leaf *x509.Certificate) bool {
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: "localhost"})
	return err == nil
}

// listenHosts are the addresses by which the front can be reached; where it listens on all, all of this machine.
func (p *plan) listenHosts() []string {
	var hosts []string
	for _, address := range append([]string{p.config.Listen}, p.config.MoreListen...) {
		host, _, err := net.SplitHostPort(address)
		ip := net.ParseIP(host)
		switch {
		case err != nil || ip == nil: // a unix socket, or the default
		case ip.IsUnspecified():
			hosts = append(hosts, ownAddresses()...)
		default:
			hosts = append(hosts, ip.String())
		}
	}
	return hosts
}

// ownAddresses are those of this machine in local networks.
func ownAddresses() []string {
	var found []string
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if block, ok := a.(*net.IPNet); ok && block.IP.IsPrivate() {
			found = append(found, block.IP.String())
		}
	}
	return found
}

// caDir is the folder of the local CA. It is data of the user's, which outlives caches and runtime folders.
func caDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lbdev", "ca"), nil
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		dir, err := os.UserConfigDir() // Application Support, which is for both there
		if err != nil {
			return "", fmt.Errorf("cannot find a folder for the local CA: %w", err)
		}
		return filepath.Join(dir, "lbdev", "ca"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cannot find a folder for the local CA: %w", err)
	}
	return filepath.Join(home, ".local", "share", "lbdev", "ca"), nil
}
