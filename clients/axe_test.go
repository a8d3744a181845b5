//go:build linux

package clients

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

// axePin is what is trusted to judge: a package of npm, its version, its integrity. scripts/tools fetches what it names.
//
//go:embed testdata/axe-core
var axePin string

// axeScript is axe-core's program, if it is the one that is pinned.
var axeScript = sync.OnceValues(func() (string, error) {
	pin := strings.Fields(axePin)
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	name := filepath.Join(cache, "lbdev-tests", pin[0]+"-"+pin[1]+".tgz")
	packed, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	sum := sha512.Sum512(packed)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != pin[2] {
		return "", fmt.Errorf("%s is %s, want %s", name, got, pin[2])
	}
	return unpack(packed, "package/axe.min.js")
})

// unpack returns one file of a .tgz.
func unpack(packed []byte, name string) (string, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	archive := tar.NewReader(unzipped)
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("cannot find %s", name)
		}
		if err != nil {
			return "", err
		}
		if head.Name == name {
			text, err := io.ReadAll(archive)
			return string(text), err
		}
	}
}

// judge lets axe look at the page as it is, and gives a line for each element at fault.
const judge = `axe.run(document, {
	resultTypes: ["violations"],
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}).then((found) => found.violations.flatMap((v) => v.nodes.map((n) =>
	v.id + " at " + n.target.join(" ") + ": " + v.help + ". " + n.failureSummary.replaceAll("\n", " "))).join("\n"))`

// faultsOfAccess are what axe-core finds wrong with the page as it is. It is put in by the debugger, so the page's CSP is as users have it.
func (b *browser) faultsOfAccess() string {
	b.Helper()
	script, err := axeScript()
	if err != nil {
		b.Fatalf("%v (make test fetches axe-core)", err)
	}
	if b.says("typeof axe") == "undefined" {
		b.do(chromedp.Evaluate[chromedp.Void](script))
	}
	faults, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](judge, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatal(err)
	}
	return faults
}
