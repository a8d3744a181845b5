package export

import (
	"fmt"
	"strings"
)

// A word is how a target says one of lbdev's policies.
type word struct {
	Text  string // what stands in the file; NAME is replaced; empty = nothing, as it is what the target does anyway
	Lacks string // why that is only the nearest; empty = it does the same
	Note  string // what is good to know
}

// policies are lbdev's, in its order, and each target's word for them.
var policies = []struct {
	name                                   string
	nginx, haproxy, apache, caddy, traefik word
}{
	{"round-robin",
		word{}, word{Text: "balance roundrobin"}, word{Text: "byrequests"}, word{Text: "round_robin"}, word{Text: "wrr"}},
	{"least-conn",
		word{Text: "least_conn;"}, word{Text: "balance leastconn"}, word{Text: "bybusyness"}, word{Text: "least_conn"},
		word{Text: "p2c", Lacks: "Traefik does not look at all workers"}},
	{"two-choices",
		word{Text: "random two least_conn;"}, word{Text: "balance random(2)"},
		word{Text: "bybusyness", Lacks: "Apache draws nothing"}, word{Text: "random_choose 2"},
		word{Text: "p2c", Note: "Traefik 3.4 or later"}},
	{"random",
		word{Text: "random;"}, word{Text: "balance random(1)"},
		word{Text: "byrequests", Lacks: "Apache draws nothing"}, word{Text: "random"},
		word{Text: "wrr", Lacks: "Traefik draws nothing"}},
	{"fastest",
		word{Text: "least_conn;", Lacks: "least_time is part of nginx's commercial version"},
		word{Text: "balance leastconn", Lacks: "HAProxy does not choose by how fast a worker answered"},
		word{Text: "bybusyness", Lacks: "Apache does not choose by how fast a worker answered"},
		word{Text: "least_conn", Lacks: "Caddy does not choose by how fast a worker answered"},
		word{Text: "leasttime", Note: "Traefik 3.6 or later"}},
	{"first",
		word{Text: "", Lacks: "nginx's backups take turns among themselves"},
		word{Text: "balance first", Note: "the lowest id that has room (without maxconn: that is up)"},
		word{Text: "byrequests", Note: "lbset: a higher set is used only when all of the lower are out"}, word{Text: "first"},
		word{Text: "wrr", Lacks: "Traefik knows no order of workers"}},
	{"ip-hash",
		word{Text: "hash $remote_addr consistent;", Note: "nginx's older ip_hash looks at the first three numbers of an IPv4 address only, so a class in one room would meet one worker"},
		word{Text: "balance source", Note: "with hash-type consistent, a worker that goes takes only its own clients along"},
		word{Text: "byrequests", Lacks: "Apache has no hashes"}, word{Text: "ip_hash"},
		word{Text: "hrw", Note: "Traefik 3.4 or later"}},
	{"uri-hash",
		word{Text: "hash $uri consistent;", Note: "$uri is the path, without the query"},
		word{Text: "balance uri", Note: "the path, without the query"},
		word{Text: "byrequests", Lacks: "Apache has no hashes"}, word{Text: "uri_hash", Note: "Caddy's hash is of the query too"},
		word{Text: "wrr", Lacks: "Traefik has no hashes of paths"}},
	{"header-hash:NAME",
		word{Text: "hash $http_NAME consistent;"},
		word{Text: "balance hdr(NAME)", Note: "a request without the header takes its turn"},
		word{Text: "byrequests", Lacks: "Apache has no hashes"}, word{Text: "header NAME"},
		word{Text: "wrr", Lacks: "Traefik has no hashes of headers"}},
	{"cookie-hash:NAME",
		word{Text: "hash $cookie_NAME consistent;"},
		word{Text: "balance hash req.cook(NAME)", Note: "HAProxy 2.6 or later"},
		word{Text: "byrequests", Lacks: "Apache has no hashes"},
		word{Text: "random", Lacks: "Caddy hashes no cookies of the app; its policy cookie sets one of its own, as --sticky cookie does"},
		word{Text: "wrr", Lacks: "Traefik has no hashes of cookies"}},
}

// policyWord is how a target says a policy.
func policyWord(target, policy string) (word, error) {
	kind, name, named := strings.Cut(policy, ":")
	for _, p := range policies {
		if k, _, wants := strings.Cut(p.name, ":"); k != kind || wants != named {
			continue
		}
		w := map[string]word{"nginx": p.nginx, "haproxy": p.haproxy, "apache": p.apache, "caddy": p.caddy, "traefik": p.traefik}[target]
		if target == "nginx" && kind == "header-hash" {
			name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
		}
		w.Text = strings.ReplaceAll(w.Text, "NAME", name)
		return w, nil
	}
	return word{}, fmt.Errorf("cannot export policy %q: there is none of that name", policy)
}

// isSimple says whether a name can stand in every target's file as it is.
func isSimple(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	}) < 0
}
