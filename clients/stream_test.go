//go:build linux

package clients

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// TestEventStream: events come when they are sent, also after a long silence. None is sent before the one before has come, so one that is
// held back, as with the next, would never come.
func TestEventStream(t *testing.T) {
	for _, upstream := range []string{"http1", "h2c"} {
		t.Run(upstream, func(t *testing.T) {
			t.Parallel()
			f := up(t, []string{"-n", "2", "--upstream", upstream}, app("web"))
			n, every := 3, time.Second
			if soak {
				n, every = 3, 90*time.Second
			}
			client := &http.Client{Timeout: patience + time.Duration(n)*every}
			resp, err := client.Get(fmt.Sprintf("%s/events?n=%d&every=%v&await=1", f.url, n, every))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			seen := 0
			err = lines(resp.Body, func(data string) {
				seen++
				if status, _, _, err := answer(client.Get(f.url + "/seen?id=" + data)); status != 200 || err != nil {
					t.Errorf("%d %v", status, err)
				}
			})
			if seen != n || err != nil {
				t.Errorf("%d events came, %v", seen, err)
			}
			f.wantNoFailure()
		})
	}
}

// TestLongPoll: an answer that takes long is waited for.
func TestLongPoll(t *testing.T) {
	t.Parallel()
	f := up(t, []string{"-n", "2"}, app("web"))
	d := 2500 * time.Millisecond
	if soak {
		d = 70 * time.Second
	}
	began := time.Now()
	status, text, _, err := answer(http.Get(f.url + "/poll?for=" + d.String()))
	if status != 200 || text != "news" || err != nil || time.Since(began) < d {
		t.Errorf("%d %q %v after %v", status, text, err, time.Since(began))
	}
	f.wantNoFailure()
}
