//go:build linux && screenshots

package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/lbdev/lbdev/cluster"
)

// TestScreenshots makes the pictures of the dashboard: make screenshots. They are for people to look at.
func TestScreenshots(t *testing.T) {
	into := os.Getenv("SCREENSHOTS")
	if into == "" {
		t.Fatal("SCREENSHOTS names no folder")
	}
	f := up(t, []string{"-n", "4", "--sample"}, nil)
	b, _ := f.openDashboard()
	take := func(name string) {
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err == nil {
			err = os.WriteFile(filepath.Join(into, name+".png"), picture, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b.change("#load", "12")
	time.Sleep(15 * time.Second)
	f.lbdev("kill", "2")
	f.lbdev("drain", "4")
	time.Sleep(10 * time.Second)
	dark := b.says("matchMedia('(prefers-color-scheme: dark)').matches") == "true"
	for _, scheme := range []string{"light", "dark"} {
		if (scheme == "dark") != dark {
			b.click("#theme")
			dark = !dark
		}
		take(scheme)
		b.click("#presenter")
		take("presenter-" + scheme)
		b.click("#presenter")
	}
	f.lbdev("pause", "3")
	b.until(there(tile(3, cluster.Paused)))
	f.lbdev("fault", "1", "latency=300ms")
	f.lbdev("stop", "1")
	f.lbdev("kill", "2")
	take("trouble")
	f.lbdev("start", "1")
	f.lbdev("resume", "3")
	b.do(chromedp.EmulateViewport(375, 812))
	time.Sleep(time.Second)
	take("phone")
	b.do(chromedp.EmulateViewport(1280, 720))
	f.lbdev("fault", "all", "off")
	f.lbdev("undrain", "4")
	f.lbdev("scale", "20")
	for worker := 1; worker <= 20; worker++ {
		b.until(there(tile(worker, cluster.Ready)))
	}
	time.Sleep(5 * time.Second)
	take("20-workers")
	b.do(chromedp.EmulateViewport(1280, 2400))
	time.Sleep(time.Second)
	take("whole")
	fmt.Println("the pictures are in", into)
}
