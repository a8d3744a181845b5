package cluster

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lbdev/lbdev/procs"
	"github.com/lbdev/lbdev/procs/misbehave"
)

// TestFrozenProcess freezes a worker from outside while clients ask, also where a reloader's child serves.
func TestFrozenProcess(t *testing.T) {
	for _, mode := range []string{"serve", "reload"} {
		t.Run(mode, func(t *testing.T) {
			r := open(t, Config{Command: misbehave.Argv(mode), Workers: 3})
			r.awaitAll(3, Ready)
			pid := procs.Listener(r.base)
			stop := make(chan struct{})
			var clients sync.WaitGroup
			var answered [8]atomic.Int64
			for i := range answered {
				clients.Go(func() {
					client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
					defer client.CloseIdleConnections()
					for {
						select {
						case <-stop:
							return
						default:
						}
						resp, err := client.Get(r.FrontURL() + "/slow?ms=5")
						if err == nil {
							resp.Body.Close()
							if resp.StatusCode != http.StatusOK {
								err = fmt.Errorf("status %s", resp.Status)
							}
						}
						if err != nil {
							t.Error(err)
						}
						answered[i].Add(1)
					}
				})
			}
			syscall.Kill(pid, syscall.SIGSTOP)
			r.await(1, Unresponsive, 0)
			began := time.Now()
			for i := range answered { // also those whose requests the frozen one has
				before := answered[i].Load()
				r.until("each client gets an answer while one worker is frozen", func() bool { return answered[i].Load() > before })
			}
			t.Logf("all got an answer within %v", time.Since(began))
			syscall.Kill(pid, syscall.SIGCONT)
			r.await(1, Ready, 0)
			close(stop)
			clients.Wait()
			if w := r.worker(1); w.Incarnation != 1 || w.Requests == 0 {
				t.Errorf("%+v", w)
			}
		})
	}
}
