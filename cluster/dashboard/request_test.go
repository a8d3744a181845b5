package dashboard

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lbdev/lbdev/cluster"
	"github.com/lbdev/lbdev/proxy"
	"github.com/lbdev/lbdev/proxy/inspect"
)

// detail asks for all that is known of a request.
func (b *board) detail(seq uint64, query string) (d detail) {
	b.t.Helper()
	resp, text := b.ask("GET", fmt.Sprint(home, "v1/requests/", seq, query), "", bearer)
	if resp.StatusCode != 200 {
		b.t.Fatal(resp.Status, text)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		b.t.Fatal(err)
	}
	return d
}

// values are those of all fields of a name.
func values(list []field, name string) (all []string) {
	for _, f := range list {
		if f.Name == name {
			all = append(all, f.Value)
			if f.Hidden {
				all = append(all, "hidden")
			}
		}
	}
	return all
}

// TestDetail: heads and bodies are shown, and secrets when somebody asks for them.
func TestDetail(t *testing.T) {
	b := open(t, 2, "127.0.0.1:0")
	seq, echo := b.front("POST", "/echo?token=geheim&x=1", "user=ada&password=geheim", "Cookie: id=geheim", "Authorization: Bearer geheim",
		"X-Api-Key: geheim", "Referer: http://a.test/?session=geheim", "X-Mine: yes", "Content-Type: application/x-www-form-urlencoded")
	d := b.detail(seq, "")
	if text, _ := json.Marshal(d); strings.Count(string(text), "geheim") != strings.Count(echo, "geheim") || !strings.Contains(echo, "geheim") {
		t.Errorf("secrets are shown: %s", text) // but for those that the app itself shows
	}
	if d.RequestBody.Text != "user=ada&password=***" || !d.RequestBody.Hidden || d.RequestBody.Bytes != 24 {
		t.Errorf("%+v", d.RequestBody)
	}
	for name, want := range map[string]string{
		"Cookie": "[ hidden]", "Authorization": "[ hidden]", "X-Api-Key": "[ hidden]", "X-Mine": "[yes]", "Referer": "[http://a.test/?session=***]",
	} {
		if got := fmt.Sprint(values(d.RequestHeaders, name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := fmt.Sprintln(values(d.ResponseHeaders, "Set-Cookie"), d.ResponseBody.Text); got != "[ hidden] "+echo+"\n" {
		t.Errorf("the answer: %s", got)
	}
	d = b.detail(seq, "?secrets=true")
	got := fmt.Sprintln(d.Path, values(d.RequestHeaders, "Cookie"), d.RequestBody.Text, d.Referer, values(d.ResponseHeaders, "Set-Cookie"))
	if want := "/echo?token=geheim&x=1 [id=geheim] user=ada&password=geheim http://a.test/?session=geheim [seen=yes]\n"; got != want {
		t.Errorf("with secrets:\n%s, want\n%s", got, want)
	}
	if len(d.Attempts) != 1 || d.Attempts[0].Why == "" || !d.Kept || !d.Replay.Unsafe || d.Replay.Not != "" {
		t.Errorf("%+v %+v", d, d.Replay)
	}
	for path, want := range map[string]int{"9": 404, "0": 400, "x": 400} {
		if resp, text := b.ask("GET", home+"v1/requests/"+path, "", bearer); resp.StatusCode != want {
			t.Errorf("%s: %s %s", path, resp.Status, text)
		}
	}
}

// TestReplay: a request is sent once more as it was, if all of it was kept, and if it may change something only when somebody is sure.
func TestReplay(t *testing.T) {
	b := open(t, 1, "127.0.0.1:0")
	replay := func(seq uint64, body string, want int) (again uint64) {
		t.Helper()
		if resp, text := b.ask("POST", fmt.Sprint(home, "v1/requests/", seq, "/replay"), body, bearer); resp.StatusCode != want {
			t.Fatalf("replay: %s %s, want %d", resp.Status, text, want)
		}
		if want == 202 {
			b.eventually("the replay", func() bool { _, again, _ = b.Cluster.Requests(seq, 0, nil); return again > seq })
		}
		return again
	}
	seq, want := b.front("POST", "/echo?a=%2f&token=1", "body", "Cookie: a=1", "Authorization: Basic x", "X-Mine: one", "X-Mine: two",
		"Connection: X-Hop", "X-Hop: 1", "Host: shop.test", "User-Agent: test/1", "Accept-Encoding: identity")
	replay(seq, "{}", 409)
	again := replay(seq, `{"sure":true}`, 202)
	if got := b.detail(again, "?secrets=true").ResponseBody.Text; got != want {
		t.Errorf("the worker got\n%s, want\n%s", got, want)
	}
	seq, want = b.front("GET", "/echo", "")
	if got := b.detail(replay(seq, "{}", 202), "").ResponseBody.Text; got != want {
		t.Errorf("the worker got\n%s, want\n%s", got, want)
	}
	seq, _ = b.front("PUT", "/echo", strings.Repeat("x", inspect.Limit+1))
	replay(seq, `{"sure":true}`, 409)
	replay(seq+9, "{}", 404)
}

// TestReplayOfTheUnkept: a GET of which nothing was kept is sent without its head.
func TestReplayOfTheUnkept(t *testing.T) {
	b := open(t, 1, "127.0.0.1:0")
	get, _ := b.front("GET", "/", "")
	post, _ := b.front("POST", "/", "x")
	for seq, wanted := range map[uint64]string{get: "", post: "cannot replay this POST: at so many requests a second heads and bodies are kept of some only"} {
		found, _ := b.Cluster.Request(seq)
		found.Kept = nil
		if err := b.mayReplay(&found); (err == nil) != (wanted == "") || err != nil && err.Error() != wanted {
			t.Errorf("%s: %v", found.Method, err)
		}
	}
}

func TestPreview(t *testing.T) {
	long := strings.Repeat("ä", inspect.Limit/2)
	tests := []struct {
		name, kind, coding, start string
		bytes                     int64
		whole                     bool
		want                      preview
	}{
		{"text", "", "", "abc\n", 4, true, preview{Bytes: 4, Text: "abc\n"}},
		{"nothing kept", "", "", "", 4, false, preview{Bytes: 4, Cut: true, Note: "not kept"}},
		{"cut in a character", "", "", "aä€"[:5], 9, false, preview{Bytes: 9, Cut: true, Text: "aä"}},
		{"no text", "image/png", "", "\x89PNG\x00", 5, true, preview{Bytes: 5, Note: "not text"}},
		{"no UTF-8", "", "", "a\xff", 2, true, preview{Bytes: 2, Note: "not text"}},
		{"gzip", "", "gzip", zipped(t, "abc"), 9, true, preview{Bytes: 9, Text: "abc", Note: "gzip, unpacked"}},
		{"gzip, cut", "", "GZIP", zipped(t, long)[:50], 99, false, preview{Bytes: 99, Cut: true, Note: "gzip, unpacked"}},
		{"a bomb", "", "gzip", zipped(t, strings.Repeat(long, 100)), 9999, true, preview{Bytes: 9999, Cut: true, Text: long, Note: "gzip, unpacked"}},
		{"broken gzip", "", "gzip", "abc", 3, true, preview{Bytes: 3, Note: "no valid gzip"}},
		{"zlib", "", "deflate", "x\x9cKLJ\x06\x00\x02M\x01'", 11, true, preview{Bytes: 11, Text: "abc", Note: "deflate, unpacked"}},
		{"deflate", "", "deflate", "KLJ\x06\x00", 5, true, preview{Bytes: 5, Text: "abc", Note: "deflate, unpacked"}},
		{"another coding", "", "br", "abc", 3, true, preview{Bytes: 3, Note: "br, not unpacked"}},
		{"packed and no text", "", "gzip", zipped(t, "\x00"), 5, true, preview{Bytes: 5, Note: "gzip, unpacked, not text"}},
	}
	for _, tc := range tests {
		m := &inspect.Message{
			Head: []inspect.Field{{Name: "Content-Type", Value: tc.kind}, {Name: "Content-Encoding", Value: tc.coding}},
			Body: inspect.Body{Start: []byte(tc.start), Bytes: tc.bytes, Whole: tc.whole},
		}
		got := newPreview(m, careful)
		if tc.name == "gzip, cut" && strings.HasPrefix(long, got.Text) {
			got.Text = "" // how much comes out is gzip's business
		}
		if *got != tc.want {
			t.Errorf("%s: %.200v, want %.200v", tc.name, *got, tc.want)
		}
	}
	if p := newPreview(&inspect.Message{}, careful); p != nil {
		t.Errorf("of nothing: %+v", p)
	}
}

// TestRedactBody: what is named like a secret is hidden, in the forms that such values are sent in.
func TestRedactBody(t *testing.T) {
	form := "--x\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nada\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"password\"\r\nContent-Type: text/plain\r\n\r\nge\r\nheim\r\n--x--\r\n"
	tests := []struct{ kind, text, want string }{
		{"application/x-www-form-urlencoded", "a=1&token=geheim", "a=1&token=***"},
		{"application/json; charset=utf-8", `{"user":"ada", "password" : "ge\"heim","n":[{"api_key":12}],"x":null}`,
			`{"user":"ada", "password" : "***","n":[{"api_key":"***"}],"x":null}`},
		{"application/problem+json", `{"access_token":"gehei`, `{"access_token":"***"`}, // cut
		{"multipart/form-data; boundary=x", form, strings.Replace(form, "ge\r\nheim", "***", 1)},
		{"text/html", `<input name="password" value="x">`, `<input name="password" value="x">`},
	}
	for _, tc := range tests {
		if got := redactBody(tc.kind, tc.text); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.kind, got, tc.want)
		}
	}
}

// TestReplayOfTheStrange: what cannot be sent is refused, and what looks like another host goes where it went.
func TestReplayOfTheStrange(t *testing.T) {
	b := open(t, 1, "127.0.0.1:0")
	refused := cluster.PastRequest{Access: proxy.Access{Method: "A B", Path: "/", Outcome: proxy.OK, Kept: new(inspect.Record)}}
	refused.Kept.Request.Body.Whole = true
	if err := b.mayReplay(&refused); err == nil {
		t.Error("what was refused may be replayed")
	}
	refused.Outcome = proxy.Failed
	if err := b.mayReplay(&refused); err == nil {
		t.Error("a method that is none may be replayed")
	}
	seq, want := b.front("GET", "//evil.test/a|b", "", "Host: good.test", "User-Agent: x", "Accept-Encoding: identity")
	found, _ := b.Cluster.Request(seq)
	b.sender.do(b.sender.again(&found))
	b.eventually("the replay", func() bool {
		again, ok := b.Cluster.Request(seq + 1)
		return ok && again.Path == found.Path && again.Host == "good.test" && again.Status == found.Status
	})
	if want == "" {
		t.Error("the first one got nothing")
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}
