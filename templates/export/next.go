package export

import "fmt"

// Next are the commands that check what an export wrote and run it, in the folder of its files. An empty one is not needed.
type Next struct{ Check, Run string }

// NextOf says what to do with a target's files. It is the same as in their comments.
func NextOf(target string, c Cluster, o Options) Next {
	id := identifier(c.Name)
	switch target {
	case "nginx":
		if o.Windows {
			return Next{"nginx -t", "start nginx"}
		}
		return Next{`nginx -t -p "$PWD" -c nginx.conf`, `nginx -p "$PWD" -c nginx.conf -g 'daemon off;'`}
	case "haproxy":
		return Next{"haproxy -c -f haproxy.cfg", "haproxy -db -f haproxy.cfg"}
	case "apache":
		return Next{`apache2 -t -d "$PWD" -f httpd.conf`, `apache2 -d "$PWD" -f httpd.conf -DFOREGROUND`}
	case "caddy":
		return Next{"caddy validate --adapter caddyfile --config Caddyfile", "caddy run --config Caddyfile"}
	case "traefik":
		return Next{"", "traefik --configFile=traefik.yml"}
	case "compose":
		return Next{"docker compose config -q", "docker compose up --build"}
	case "kubernetes":
		return Next{"kubectl apply --dry-run=server -f " + id + ".yaml", "kubectl apply -f " + id + ".yaml"}
	case "systemd":
		return Next{"sudo cp " + id + "@.service " + id + ".target /etc/systemd/system/ && systemd-analyze verify /etc/systemd/system/" + id + ".target", "sudo systemctl enable --now " + id + ".target"}
	case "procfile":
		return Next{"", fmt.Sprintf("foreman start -m web=%d -p %d", len(c.Workers), c.Workers[0].Port)}
	}
	return Next{}
}
