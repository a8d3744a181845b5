package export

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// What may stand in Traefik's files, as far as we write it: from the reference in its documentation (version 3.6). Its own types need 500
// packages more than the module in check has, and 140 s of a core's time; make soak builds all of Traefik and runs it.
type (
	traefikStatic struct {
		EntryPoints map[string]struct {
			Address       string `yaml:"address"`
			ProxyProtocol *struct {
				Insecure bool `yaml:"insecure"`
			} `yaml:"proxyProtocol"`
			HTTP *struct {
				SanitizePath          bool `yaml:"sanitizePath"`
				EncodeQuerySemicolons bool `yaml:"encodeQuerySemicolons"`
				Redirections          struct {
					EntryPoint struct {
						To     string `yaml:"to"`
						Scheme string `yaml:"scheme"`
					} `yaml:"entryPoint"`
				} `yaml:"redirections"`
			} `yaml:"http"`
			Transport *struct {
				RespondingTimeouts struct {
					ReadTimeout string `yaml:"readTimeout"`
				} `yaml:"respondingTimeouts"`
			} `yaml:"transport"`
		} `yaml:"entryPoints"`
		Providers struct {
			File struct {
				Filename string `yaml:"filename"`
				Watch    bool   `yaml:"watch"`
			} `yaml:"file"`
		} `yaml:"providers"`
		AccessLog *struct{} `yaml:"accessLog"`
		Global    struct {
			CheckNewVersion bool `yaml:"checkNewVersion"`
		} `yaml:"global"`
	}

	traefikDynamic struct {
		HTTP *struct {
			Routers     map[string]traefikRouter `yaml:"routers"`
			Middlewares map[string]struct {
				Headers *struct {
					CustomRequestHeaders map[string]string `yaml:"customRequestHeaders"`
				} `yaml:"headers"`
				Retry *struct {
					Attempts        int    `yaml:"attempts"`
					InitialInterval string `yaml:"initialInterval"`
				} `yaml:"retry"`
				Buffering *struct {
					MaxRequestBodyBytes int64 `yaml:"maxRequestBodyBytes"`
				} `yaml:"buffering"`
			} `yaml:"middlewares"`
			Services          map[string]traefikService `yaml:"services"`
			ServersTransports map[string]struct {
				ForwardingTimeouts struct {
					IdleConnTimeout string `yaml:"idleConnTimeout"`
				} `yaml:"forwardingTimeouts"`
			} `yaml:"serversTransports"`
		} `yaml:"http"`
		TCP *struct {
			Routers  map[string]traefikRouter `yaml:"routers"`
			Services map[string]struct {
				LoadBalancer struct {
					Servers []struct {
						Address string `yaml:"address"`
					} `yaml:"servers"`
					HealthCheck struct {
						Interval string `yaml:"interval"`
						Timeout  string `yaml:"timeout"`
					} `yaml:"healthCheck"`
					ServersTransport string `yaml:"serversTransport"`
				} `yaml:"loadBalancer"`
			} `yaml:"services"`
			ServersTransports map[string]struct {
				TerminationDelay string `yaml:"terminationDelay"`
			} `yaml:"serversTransports"`
		} `yaml:"tcp"`
		TLS *struct {
			Certificates []struct {
				CertFile string `yaml:"certFile"`
				KeyFile  string `yaml:"keyFile"`
			} `yaml:"certificates"`
		} `yaml:"tls"`
	}

	traefikRouter struct {
		EntryPoints []string  `yaml:"entryPoints"`
		Rule        string    `yaml:"rule"`
		Priority    int       `yaml:"priority"`
		Service     string    `yaml:"service"`
		Middlewares []string  `yaml:"middlewares"`
		TLS         *struct{} `yaml:"tls"`
	}

	traefikService struct {
		Failover *struct {
			Service  string `yaml:"service"`
			Fallback string `yaml:"fallback"`
		} `yaml:"failover"`
		LoadBalancer *struct {
			Strategy string `yaml:"strategy"`
			Servers  []struct {
				URL    string `yaml:"url"`
				Weight *int   `yaml:"weight"`
			} `yaml:"servers"`
			Sticky *struct {
				Cookie struct {
					Name     string `yaml:"name"`
					Secure   bool   `yaml:"secure"`
					HTTPOnly bool   `yaml:"httpOnly"`
					SameSite string `yaml:"sameSite"`
				} `yaml:"cookie"`
			} `yaml:"sticky"`
			HealthCheck *struct {
				Path            string `yaml:"path"`
				Interval        string `yaml:"interval"`
				Timeout         string `yaml:"timeout"`
				FollowRedirects bool   `yaml:"followRedirects"`
			} `yaml:"healthCheck"`
			PassiveHealthCheck *struct {
				FailureWindow     string `yaml:"failureWindow"`
				MaxFailedAttempts int    `yaml:"maxFailedAttempts"`
			} `yaml:"passiveHealthCheck"`
			PassHostHeader     bool `yaml:"passHostHeader"`
			ResponseForwarding struct {
				FlushInterval string `yaml:"flushInterval"`
			} `yaml:"responseForwarding"`
			ServersTransport string `yaml:"serversTransport"`
		} `yaml:"loadBalancer"`
	}
)

// TestTraefikReads decodes Traefik's files strictly, and follows what refers to what.
func TestTraefikReads(t *testing.T) {
	for _, s := range sampleClusters() {
		if !slices.Contains(s.each(), "traefik") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			files, err := Render("traefik", s.cluster, s.options)
			if err != nil {
				t.Fatal(err)
			}
			var static traefikStatic
			var dynamic traefikDynamic
			for i, into := range []any{&static, &dynamic} {
				if err := yaml.UnmarshalWithOptions([]byte(files[i].Text), into, yaml.Strict(), yaml.DisallowUnknownField()); err != nil {
					t.Fatalf("%s: %v", files[i].Name, err)
				}
			}
			if static.Providers.File.Filename != files[1].Name || len(static.EntryPoints) < len(s.cluster.Listen) {
				t.Errorf("%+v", static)
			}
			routers, services := dynamic.routers(t)
			for _, r := range routers {
				for _, entry := range r.EntryPoints {
					if static.EntryPoints[entry].Address == "" {
						t.Errorf("there is no entry point %q", entry)
					}
				}
				if !slices.Contains(services, r.Service) || r.Rule == "" || (r.TLS != nil) != (s.cluster.TLSCert != "") {
					t.Errorf("%+v, of services %q", r, services)
				}
				for _, m := range r.Middlewares {
					if _, known := dynamic.HTTP.Middlewares[m]; !known {
						t.Errorf("there is no middleware %q", m)
					}
				}
			}
		})
	}
}

// routers are those of what is balanced, and the names of its services.
func (d *traefikDynamic) routers(t *testing.T) (routers map[string]traefikRouter, services []string) {
	t.Helper()
	if (d.HTTP == nil) == (d.TCP == nil) {
		t.Fatal("it is for requests or for connections")
	}
	if d.TCP != nil {
		for name, service := range d.TCP.Services {
			services = append(services, name)
			if _, known := d.TCP.ServersTransports[service.LoadBalancer.ServersTransport]; !known || len(service.LoadBalancer.Servers) == 0 {
				t.Errorf("service %q is not whole: %+v", name, service)
			}
		}
		return d.TCP.Routers, services
	}
	for name, service := range d.HTTP.Services {
		services = append(services, name)
		switch {
		case service.Failover != nil:
			for _, other := range []string{service.Failover.Service, service.Failover.Fallback} {
				if d.HTTP.Services[other].LoadBalancer == nil {
					t.Errorf("there is no service %q", other)
				}
			}
		case service.LoadBalancer == nil || len(service.LoadBalancer.Servers) == 0:
			t.Errorf("service %q has no servers", name)
		default:
			for _, server := range service.LoadBalancer.Servers {
				if !strings.HasPrefix(server.URL, "http://127.0.0.1:") && !strings.HasPrefix(server.URL, "h2c://127.0.0.1:") {
					t.Errorf("a server is %q", server.URL)
				}
			}
			if _, err := time.ParseDuration(service.LoadBalancer.ResponseForwarding.FlushInterval); err != nil {
				t.Error(err)
			}
			if _, known := d.HTTP.ServersTransports[service.LoadBalancer.ServersTransport]; !known {
				t.Errorf("there is no transport %q", service.LoadBalancer.ServersTransport)
			}
			if !slices.Contains([]string{"", "wrr", "p2c", "hrw", "leasttime"}, service.LoadBalancer.Strategy) {
				t.Errorf("there is no strategy %q", service.LoadBalancer.Strategy)
			}
		}
	}
	return d.HTTP.Routers, services
}
