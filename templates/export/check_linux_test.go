package export

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// checkable is a sample cluster on free ports and with a certificate that is there: nginx opens its addresses and reads the files when it
// checks.
func checkable(t *testing.T, s sampleCluster) Cluster {
	t.Helper()
	c := s.cluster
	c.Listen = append([]string(nil), c.Listen...)
	for i := range c.Listen {
		c.Listen[i] = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	}
	if c.Redirect != "" {
		c.Redirect = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	}
	if c.TLSCert != "" {
		c.TLSCert, c.TLSKey = certificate(t, filepath.Join(t.TempDir(), "my shop"))
	}
	c.Program, c.Dir = "/bin/sh", "/"
	return c
}

// certificate makes one for 127.0.0.1, and its key.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestProgramsAccept has each program check what was written for it, alone and as a piece in a file of somebody's own.
func TestProgramsAccept(t *testing.T) {
	for _, s := range sampleClusters() {
		for _, target := range s.each() {
			if programs[target].check == nil {
				continue
			}
			t.Run(target+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				c := checkable(t, s)
				dir := write(t, target, c, s.options)
				if err := os.Mkdir(filepath.Join(dir, "logs"), 0o755); err != nil { // which nginx for Windows brings
					t.Fatal(err)
				}
				if target == "haproxy" && c.TLSCert != "" {
					join(t, filepath.Join(dir, identifier(c.Name)+".pem"), c.TLSCert, c.TLSKey)
				}
				if unfit(t, target, c) {
					return
				}
				args := programs[target].check
				if target == "nginx" && c.TCP { // Debian has it as a module
					args = append([]string{"-g", "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"}, args...)
				}
				if target == "nginx" && s.options.Windows { // has its file there, where Debian's nginx would need root's rights
					args = append([]string{"-g", "pid nginx.pid;"}, args...)
				}
				if out, err := command(t, target, dir, args).CombinedOutput(); err != nil || strings.Contains(string(out), "[warn]") || strings.Contains(string(out), "[WARNING]") {
					t.Errorf("%v\n%s", err, out)
				}
				if target == "caddy" {
					formatted(t, dir)
				}
			})
		}
	}
}

// unfit says whether the program can do nothing of it, which the file says too.
func unfit(t *testing.T, target string, c Cluster) bool {
	t.Helper()
	if !c.TCP || target == "nginx" || target == "haproxy" {
		return false
	}
	if _, err := Fragment(target, c, Options{}); err == nil {
		t.Errorf("%s has a piece for connections", target)
	}
	return true
}

func join(t *testing.T, to string, from ...string) {
	t.Helper()
	var all []byte
	for _, name := range from {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	if err := os.WriteFile(to, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

// formatted: caddy fmt would change nothing.
func formatted(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := command(t, "caddy", dir, []string{"fmt", "Caddyfile"}).Output()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	if string(out) != string(text) {
		t.Errorf("caddy fmt has it otherwise:\n%s\nnot\n%s", out, text)
	}
}

// TestComposeFront has nginx check the file that Compose gives it. The workers' names are those of containers.
func TestComposeFront(t *testing.T) {
	for _, s := range sampleClusters() {
		if s.targets != nil || s.cluster.TCP || s.cluster.TLSCert != "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			files, err := Render("compose", checkable(t, s), s.options)
			if err != nil {
				t.Fatal(err)
			}
			piece := strings.ReplaceAll(files[1].Text, "server "+identifier(s.cluster.Name)+"-", "server 127.0.0.1:1; server 127.0.0.1:")
			piece = strings.NewReplacer(":8000:8000", ":8000", ":8001:8001", ":8001", ":8002:8002", ":8002", ":8003:8003", ":8003", ":8004:8004", ":8004").Replace(piece)
			nginxTakes(t, piece)
		})
	}
}

// TestPieces has nginx and HAProxy check the pieces alone, in a main file that is not ours.
func TestPieces(t *testing.T) {
	for _, policy := range []string{"round-robin", "least-conn", "two-choices", "random", "ip-hash", "uri-hash", "header-hash:X-A", "cookie-hash:sid"} {
		c := plain()
		c.Policy, c.Listen = policy, []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}
		piece, err := Fragment("nginx", c, Options{Bare: true})
		if err != nil {
			t.Fatal(err)
		}
		nginxTakes(t, piece)
		if piece, err = Fragment("haproxy", c, Options{Bare: true}); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		own, shop := filepath.Join(dir, "own.cfg"), filepath.Join(dir, "shop.cfg")
		if err := os.WriteFile(own, []byte("global\n    maxconn 100\ndefaults\n    mode http\n    timeout client 5s\n    timeout server 5s\n    timeout connect 5s\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(shop, []byte(piece), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(program(t, "haproxy"), "-c", "-f", own, "-f", shop).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", policy, err, out)
		}
	}
}

// nginxTakes has nginx check a piece.
func nginxTakes(t *testing.T, piece string) {
	t.Helper()
	dir := t.TempDir()
	main := "pid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path a;\nproxy_temp_path b;\nfastcgi_temp_path c;\nuwsgi_temp_path d;\nscgi_temp_path e;\n" + piece + "}\n"
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(main), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program(t, "nginx"), "-t", "-p", dir, "-c", "nginx.conf").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, piece)
	}
}

// TestSystemdAccepts has systemd-analyze verify the units.
func TestSystemdAccepts(t *testing.T) {
	for _, s := range sampleClusters() {
		if s.targets != nil {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := checkable(t, s)
			dir := write(t, "systemd", c, s.options)
			verify := exec.Command(program(t, "systemd-analyze"), "verify", "--man=no", filepath.Join(dir, identifier(c.Name)+".target"), filepath.Join(dir, identifier(c.Name)+"@.service"))
			out, err := verify.CombinedOutput()
			if err != nil || strings.Contains(string(out), dir) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestComposeAndKubernetesAccept runs the module in check over all of their files: Compose's loader and Kubernetes' types.
func TestComposeAndKubernetesAccept(t *testing.T) {
	args := []string{"run", "."}
	for _, s := range sampleClusters() {
		if s.targets != nil {
			continue
		}
		for _, target := range []string{"compose", "kubernetes"} {
			dir := write(t, target, s.cluster, s.options)
			name := "compose.yaml"
			if target == "kubernetes" {
				name = identifier(s.cluster.Name) + ".yaml"
			}
			args = append(args, target, filepath.Join(dir, name))
		}
	}
	for _, name := range []string{"main.go", "go.mod"} { // so that the test's cache knows what it depends on
		if _, err := os.ReadFile(filepath.Join("check", name)); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args []string) (string, error) {
		checker := exec.Command("go", args...)
		checker.Dir = "check"
		out, err := checker.CombinedOutput()
		return string(out), err
	}
	if out, err := run(args); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for i, broken := range []struct{ target, was, is, want string }{
		{"compose", "restart: always", "restarts: always", "restarts"},
		{"compose", "      - shop-8001\n", "      - shop-9001\n", "shop-9001"},
		{"kubernetes", "replicas: 3", "replcas: 3", "replcas"},
		{"kubernetes", "targetPort: app", "targetPort: web", "is none of the pod's"},
	} {
		files, err := Render(broken.target, plain(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(files[0].Text, broken.was, broken.is, 1)
		file := filepath.Join(t.TempDir(), fmt.Sprintf("%d.yaml", i))
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := run([]string{"run", ".", broken.target, file}); err == nil || text == files[0].Text || !strings.Contains(out, broken.want) {
			t.Errorf("%q in place of %q: %v, %s", broken.is, broken.was, err, out)
		}
	}
}
