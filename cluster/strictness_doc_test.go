package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A difference is a case in which another front does otherwise.
type difference struct {
	rawCase
	ours, nginx, haproxy string
}

func differences(cases []rawCase, ours, nginx, haproxy []outcome) (all []difference, counts [4]int) {
	counts[0] = len(cases)
	for i, c := range cases {
		d := difference{c, ours[i].meaning(), nginx[i].meaning(), haproxy[i].meaning()}
		if c.race {
			d.haproxy = "refused or forwarded, as it happens"
		}
		if last := ours[i].answers; len(last) > 0 && isStatus(last[len(last)-1]) {
			counts[1]++
		}
		if d.nginx != d.ours {
			counts[2]++
		}
		if d.haproxy != d.ours {
			counts[3]++
		}
		if d.nginx != d.ours || d.haproxy != d.ours {
			all = append(all, d)
		}
	}
	return all, counts
}

// checkDoc compares the differences with the document. Other versions than the document's may differ in other cases; then
// only the reasons are looked at.
func checkDoc(t *testing.T, all []difference, counts [4]int) {
	t.Helper()
	for _, d := range all {
		if d.why == "" {
			t.Errorf("%s: lbdev %s, nginx %s, HAProxy %s, and no reason is given", d.name, d.ours, d.nginx, d.haproxy)
		}
	}
	versions := []string{versionOf(t, "nginx"), versionOf(t, "haproxy")}
	text := document(all, counts, versions)
	if *update {
		os.MkdirAll(filepath.Dir(strictnessDoc), 0o755)
		if err := os.WriteFile(strictnessDoc, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	had, err := os.ReadFile(strictnessDoc)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(had), strings.Join(versions, " and ")) {
		t.Logf("%s is about other versions than %v", strictnessDoc, versions)
		return
	}
	if string(had) != text {
		t.Errorf("%s is not up to date; go test ./cluster -run TestStrictness -update writes it anew. First difference:\n%s", strictnessDoc, firstDifference(string(had), text))
	}
}

func firstDifference(had, got string) string {
	a, b := strings.Split(had, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "had " + a[i] + "\ngot " + b[i]
		}
	}
	return fmt.Sprintf("had %d lines, got %d", len(a), len(b))
}

var versionNumber = regexp.MustCompile(`[0-9]+\.[0-9]+\.[0-9]+`)

func versionOf(t *testing.T, name string) string {
	t.Helper()
	said, err := exec.Command(programPath(name), "-v").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"nginx": "nginx ", "haproxy": "HAProxy "}[name] + versionNumber.FindString(string(said))
}

// document is the text of the document.
func document(all []difference, counts [4]int, versions []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# What lbdev refuses, beside %s

<!-- Written by go test ./cluster -run TestStrictness -update. Don't edit it by hand. -->

A front and the server behind it must agree where a request ends and what it says; else a part of one request can be taken for
another one. So lbdev refuses what two servers could read in two ways, with the status that fits, and closes the connection.
What it forwards has one reading, written in one way.

The test sends %d raw requests to lbdev, nginx and HAProxy in front of the same worker, each with another request behind it.
lbdev refuses %d of them. nginx does otherwise in %d cases, HAProxy in %d; all are listed here, each with the reason why lbdev
does it so. "Otherwise" is another status, another request for the worker, or another place where the next request begins; in
how they write the same request fronts differ anyway. nginx has the configuration that its documentation gives for
connections that are kept, HAProxy the smallest one; both have options that make them stricter or more lenient.
`, strings.Join(versions, " and "), counts[0], counts[1], counts[2], counts[3])
	why := ""
	for _, d := range all {
		if d.why != why {
			why = d.why
			fmt.Fprintf(&b, "\n**%s**\n\n| request | lbdev | nginx | HAProxy |\n|---|---|---|---|\n", cell(strings.ToUpper(why[:1])+why[1:]+"."))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(d.name), cell(d.ours), same(d.nginx, d.ours), same(d.haproxy, d.ours))
	}
	return b.String()
}

func same(theirs, ours string) string {
	if theirs == ours {
		return "the same"
	}
	return cell(theirs)
}

// cell makes text safe for a table in Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "~", `\~`, "#", `\#`, "$", `\$`).Replace(text)
}
