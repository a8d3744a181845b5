package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

type nginxServer struct {
	*process
	port int
}

// startNginx runs nginx over the workers at base, from a configuration of its own that touches nothing of the system's.
func (b *bench) startNginx(base int, keepAlive bool) (*nginxServer, error) {
	port, err := freeBlock(1)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "nginx-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for nginx: %w", err)
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(nginxConfig(dir, port, base, keepAlive)), 0o600); err != nil {
		return nil, fmt.Errorf("cannot configure nginx: %w", err)
	}
	p, err := launch(nil, nil, b.nginx, "-p", dir, "-c", conf, "-e", filepath.Join(dir, "error.log"), "-g", "daemon off;")
	if err != nil {
		return nil, err
	}
	listens := func() bool {
		conn, err := net.Dial("tcp", address(port))
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	if err := p.until(b.ctx, 10*time.Second, "waiting for nginx", listens); err != nil {
		p.stop()
		return nil, err
	}
	return &nginxServer{p, port}, nil
}

// nginxConfig is what tutorials give: an upstream block and proxy_pass. With keepAlive it has the lines that nginx's
// documentation asks for to reuse connections to the workers.
func nginxConfig(dir string, port, base int, keepAlive bool) string {
	var servers strings.Builder
	for i := range workers {
		fmt.Fprintf(&servers, "    server %s;\n", address(base+i))
	}
	inUpstream, inLocation, user := "", "", ""
	if keepAlive {
		inUpstream = "    keepalive 64;\n"
		inLocation = "proxy_http_version 1.1; proxy_set_header Connection \"\";"
	}
	if os.Getuid() == 0 {
		user = "user root;" // else its workers could not write into the temporary folder
	}
	return fmt.Sprintf(`%[1]s
worker_processes 2;
pid %[2]s/pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[2]s/body; proxy_temp_path %[2]s/proxy;
  fastcgi_temp_path %[2]s/fastcgi; uwsgi_temp_path %[2]s/uwsgi; scgi_temp_path %[2]s/scgi;
  upstream app {
%[3]s%[4]s  }
  server {
    listen %[5]s;
    location / { proxy_pass http://app; proxy_set_header Host $http_host; %[6]s }
  }
}
`, user, dir, servers.String(), inUpstream, address(port), inLocation)
}
