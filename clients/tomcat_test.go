//go:build linux

package clients

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestTomcat: a session stays at its worker by the jvmRoute at the end of its name; when that worker is killed the client gets
// a new session at the other one; and of a hundred clients none changes its worker while both live.
func TestTomcat(t *testing.T) {
	t.Parallel()
	p := project{name: "tomcat"}
	f := upIn(t, p.fresh(t), "-n", "2")

	one := newVisitor(t)
	first := one.visit(f)
	for n := 2; n <= 10; n++ {
		if v := one.visit(f); v.port != first.port || v.session != first.session || v.visits != n {
			t.Errorf("visit %d: %+v after %+v", n, v, first)
		}
	}
	if route := fmt.Sprintf(".w%d", first.port-f.base+1); !strings.HasSuffix(first.session, route) {
		t.Errorf("session %q does not end in %s", first.session, route)
	}

	t.Run("a hundred clients", func(t *testing.T) {
		const clients, visits = 100, 10
		var mu sync.Mutex
		perPort := map[int]int{}
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				c := newVisitor(t)
				first := c.visit(f)
				mu.Lock()
				perPort[first.port]++
				mu.Unlock()
				for n := 2; n <= visits; n++ {
					if v := c.visit(f); v.port != first.port || v.session != first.session || v.visits != n {
						t.Errorf("visit %d: %+v after %+v", n, v, first)
					}
				}
			})
		}
		group.Wait()
		if perPort[f.base] == 0 || perPort[f.base+1] == 0 || perPort[f.base]+perPort[f.base+1] != clients {
			t.Errorf("clients per port: %v", perPort)
		}
		t.Logf("clients per port: %v", perPort)
	})

	f.lbdev("kill", strconv.Itoa(first.port))
	var moved visit
	eventually(t, "the killed process ending", func() bool { // a JVM's many threads take their time for it, and some still answer
		moved = one.visit(f)
		return moved.port != first.port || moved.session != first.session || t.Failed()
	})
	if moved.port == first.port || moved.session == first.session || moved.visits != 1 {
		t.Errorf("after its worker was killed: %+v, before %+v", moved, first)
	}
	for n := 2; n <= 5; n++ {
		if v := one.visit(f); v.port != moved.port || v.session != moved.session || v.visits != n {
			t.Errorf("visit %d at the other worker: %+v after %+v", n, v, moved)
		}
	}
	f.wantNoFailure()
}

// A visitor keeps cookies, as a browser does.
type visitor struct {
	t    *testing.T
	http *http.Client
}

// A visit is what a page said of it.
type visit struct {
	port    int
	session string
	visits  int
}

func newVisitor(t *testing.T) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{Jar: jar, Timeout: patience}}
}

func (c *visitor) visit(f *front) (v visit) {
	status, text, port, err := answer(c.http.Get(f.url + "/"))
	if status != http.StatusOK || err != nil {
		c.t.Errorf("%d %v\n%s", status, err, text)
		return v
	}
	v.port, v.session = port, between(text, `id="session">`, "<")
	v.visits, err = strconv.Atoi(between(text, `id="visits">`, "<"))
	if shown, ok := shownPort(text); err != nil || !ok || shown != port {
		c.t.Errorf("the page of port %d is\n%s", port, text)
	}
	return v
}

// between returns the text after the first before, up to the next after.
func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}
