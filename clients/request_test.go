//go:build linux

package clients

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestDashboardRequest looks into a POST: its secrets are hidden until somebody asks, what the app has sent is text and nothing else,
// and it is sent again when somebody is sure; by curl too.
func TestDashboardRequest(t *testing.T) {
	f := up(t, []string{"-n", "2"}, app("web"))
	b, host := f.openDashboard()
	const sent = `<h1 id="theirs">it's "mine"</h1><script>document.title = "theirs"</script><img src="/dashboard/x" onerror="document.title = 'theirs'">`
	run(t, "", "curl", "-s", "-H", "Cookie: id=secret", "-H", "Content-Type: text/html", "--data-raw", sent, f.url+"/mirror")
	b.click("#requests [data-seq='1'] button")
	b.until("document.querySelectorAll('.detail pre').length === 2")
	b.until("[...document.querySelectorAll('.detail pre')].every(p => p.textContent.includes('onerror') && !p.firstElementChild)")
	if text := b.says("document.querySelector('.detail').innerText"); strings.Contains(text, "secret\n") || !strings.Contains(text, "hidden") {
		t.Errorf("a secret is shown: %s", text)
	}
	b.click(".detail [data-act=secrets]")
	b.until("document.querySelector('.detail').innerText.includes('id=secret')")

	b.click(".detail [data-act=replay]")
	b.click("#sure button[value=no]")
	b.until("!document.querySelector('#sure').open")
	if n := f.ps().Requests.Total; n != 1 {
		t.Errorf("%d requests: it was sent although nobody was sure", n)
	}
	b.click(".detail [data-act=replay]")
	b.click("#sure button[value=yes]")
	b.until("document.querySelector(`#requests [data-seq='2']`)")

	command := b.awaits(fmt.Sprintf(`(async () => {
		const {curl} = await import("/dashboard/curl.js")
		return curl(await (await fetch("/dashboard/v1/requests/1?secrets=true")).json(), %q).text
	})()`, f.url))
	out, err := exec.Command("sh", "-c", command+" -s").CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), sent) {
		t.Errorf("%s\n%v: %s", command, err, out)
	}
	for seq := 1; seq <= 3; seq++ {
		was := b.awaits(fmt.Sprintf(`(async () => {
			const r = await (await fetch("/dashboard/v1/requests/%d?secrets=true")).json()
			return r.response_headers.find((f) => f.name === "X-Sent").value + r.request_body.text
		})()`, seq))
		if want := "POST id=secret text/html" + sent; was != want {
			t.Errorf("request %d: %s, want %s", seq, was, want)
		}
	}
	if title := b.says("document.title"); strings.Contains(title, "theirs") {
		t.Errorf("the app's script ran: the title is %q", title)
	}
	b.wantPeace(host)
}

// awaits evaluates an expression that gives a promise of a string.
func (b *browser) awaits(expression string) string {
	b.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return text
}
