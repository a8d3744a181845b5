//go:build linux

package clients

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// TestEventStream: events come when they are sent, also after a long silence.
func TestEventStream(t *testing.T) {
	for _, upstream := range []string{"http1", "h2c"} {
		t.Run(upstream, func(t *testing.T) {
			t.Parallel()
			f := up(t, []string{"-n", "2", "--upstream", upstream}, app("web"))
			n, every := 3, time.Second
			if soak {
				n, every = 3, 90*time.Second
			}
			resp, err := http.Get(fmt.Sprintf("%s/events?n=%d&every=%v", f.url, n, every))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			seen := 0
			err = lines(resp.Body, func(data string) {
				seen++
				sent, _ := strconv.ParseInt(data, 10, 64)
				if late := time.Since(time.Unix(0, sent)); late > 900*time.Millisecond { // one that is held back comes with the next
					t.Errorf("event %d came after %v", seen, late)
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
