//go:build linux && screenshots

package clients

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/lbdev/lbdev/cluster"
)

// slowSample is the sample app, for as long as its file of a mood says after that time.
const slowSample = `sleep "$(cat "$CLIENTS_DIR/mood-$PORT" 2>/dev/null || echo 0)"; exec "$0" sample --port "$PORT"`

// An album is where pictures of a page go.
type album struct {
	*browser
	into string
}

// TestScreenshots makes the pictures of the dashboard: make screenshots. They are for people to look at, and two stand in the README.
func TestScreenshots(t *testing.T) {
	into := os.Getenv("SCREENSHOTS")
	if into == "" {
		t.Fatal("SCREENSHOTS names no folder")
	}
	base, port := 8000, 8080
	if !allFree(base, mostWorkers) || !allFree(port, 1) {
		base = freePorts(t, mostWorkers+1)
		port = base + mostWorkers
	}
	f := upAt(t, "shop", base, port, []string{"-n", "4"}, []string{"sh", "-c", slowSample, program})
	b, _ := f.openDashboard()
	a := &album{b, into}
	b.prefer("prefers-color-scheme", "light")
	b.change("#load", "12")
	time.Sleep(20 * time.Second) // lanes have to fill
	f.lbdev("kill", "4")
	time.Sleep(15 * time.Second)
	a.inBoth("normal")
	f.killing(a)
	f.inTrouble(a)
	a.inSizes()
	f.many(a)
	fmt.Println("the pictures are in", into)
}

// take makes a picture.
func (a *album) take(name string) {
	a.Helper()
	picture, err := chromedp.Run(a.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(a.into, name+".png"), picture, 0o644)
	}
	if err != nil {
		a.Fatal(err)
	}
}

// inBoth makes pictures of the normal and the presenter's view, light and dark.
func (a *album) inBoth(name string) {
	for _, scheme := range []string{"light", "dark"} {
		a.prefer("prefers-color-scheme", scheme)
		time.Sleep(300 * time.Millisecond) // the lanes are drawn again
		a.take(name + "-" + scheme)
		a.click("#presenter")
		time.Sleep(300 * time.Millisecond)
		a.take(name + "-presenter-" + scheme)
		a.click("#presenter")
	}
	a.prefer("prefers-color-scheme", "light")
}

// killing shows a worker that is down while the others answer; the README has two of these pictures.
func (f *front) killing(a *album) {
	f.mood(2, "12")
	a.click(tile(2, "") + " .port")
	f.lbdev("kill", "2")
	time.Sleep(4 * time.Second)
	a.inBoth("kill")
	a.do(chromedp.EmulateViewport(1280, 960))
	time.Sleep(300 * time.Millisecond)
	a.take("kill-high")
	a.do(chromedp.EmulateViewport(1280, 720))
	a.until(there(tile(2, cluster.Starting)))
	a.until(there(tile(2, cluster.Ready)))
	for from, to := range map[string]string{"kill-high": "dashboard", "kill-presenter-dark": "presenter"} {
		if err := reduce(filepath.Join(a.into, from+".png"), filepath.Join("..", "docs", to+".png")); err != nil {
			f.Fatal(err)
		}
	}
}

func (f *front) inTrouble(a *album) {
	f.mood(4, "1h")
	f.lbdev("pause", "3")
	f.lbdev("fault", "1", "latency=300ms")
	f.lbdev("stop", "2")
	f.lbdev("kill", "4")
	a.until(there(tile(3, cluster.Paused)))
	time.Sleep(time.Second)
	a.inBoth("trouble")
	f.mood(4, "0")
	f.lbdev("restart", "4")
	f.lbdev("start", "2")
	f.lbdev("resume", "3")
	f.lbdev("fault", "all", "off")
}

// inSizes shows an opened request, the help, and the page on small screens.
func (a *album) inSizes() {
	a.click("#requests [data-seq] button")
	a.until("document.querySelector('.detail .attempt')")
	a.do(chromedp.Evaluate[chromedp.Void](there("#requests") + ".scrollIntoView()"))
	a.take("request")
	a.click("#requests [data-seq] [aria-expanded=true]")
	a.do(chromedp.Evaluate[chromedp.Void]("scrollTo(0, 0)"))
	a.click("#help")
	a.take("help")
	a.click("#help-dialog form button")
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 390, 844}, {"zoom", 640, 360}, {"projector", 1920, 1080}, {"whole", 1280, 1800}} {
		a.do(chromedp.EmulateViewport(size.width, size.height))
		time.Sleep(500 * time.Millisecond)
		a.inBoth(size.name)
	}
	a.do(chromedp.EmulateViewport(1280, 720))
}

func (f *front) many(a *album) {
	for _, n := range []int{8, 20, mostWorkers} {
		f.lbdev("scale", fmt.Sprint(n))
		a.until(there(tile(n, cluster.Ready)))
		time.Sleep(4 * time.Second)
		a.inBoth(fmt.Sprintf("%d-workers", n))
	}
}

// reduce writes a picture with no more than 256 colours, the most frequent ones: those that are left out are shades on the edges of
// letters.
func reduce(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return err
	}
	count := map[color.Color]int{}
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			count[picture.At(x, y)]++
		}
	}
	var palette color.Palette
	for c := range count {
		palette = append(palette, c)
	}
	slices.SortFunc(palette, func(a, b color.Color) int { return cmp.Compare(count[b], count[a]) })
	small := image.NewPaletted(picture.Bounds(), palette[:min(256, len(palette))])
	draw.Draw(small, small.Bounds(), picture, image.Point{}, draw.Src)
	var packed bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&packed, small); err != nil {
		return err
	}
	return os.WriteFile(to, packed.Bytes(), 0o644)
}
