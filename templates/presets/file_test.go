package presets

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestFiles makes a CATALINA_BASE of the preset's files, in a folder whose name XML would not like.
func TestFiles(t *testing.T) {
	home, private := t.TempDir(), t.TempDir()
	project := filepath.Join(t.TempDir(), `Tom & "Jerry"`)
	for name, text := range map[string]string{
		filepath.Join(project, "webapps/ROOT/index.jsp"): "hello", filepath.Join(project, "conf/context.xml"): "the project's",
		filepath.Join(home, "conf/context.xml"): "Tomcat's", filepath.Join(home, "conf/web.xml"): "Tomcat's", filepath.Join(home, "conf/server.xml"): "Tomcat's",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	place := machine(os.DirFS(project), []string{home + "/bin/catalina.sh"}, map[string]string{"CATALINA_HOME": home})
	place.Path = project
	found, err := load(t).Named("tomcat", place)
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{port}", "8001", "{worker}", "2").Replace
	for range 2 { // also when the worker is started again
		for _, f := range found.Files {
			if err := f.Write(private, project, fill); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]string{"conf/context.xml": "the project's", "conf/web.xml": "Tomcat's"} {
		if text, err := os.ReadFile(filepath.Join(private, name)); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
	for _, dir := range []string{"logs", "temp", "work", "webapps"} {
		if info, err := os.Stat(filepath.Join(private, dir)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if _, err := os.Stat(filepath.Join(private, "conf/Catalina")); err == nil {
		t.Error("an app is named beside those in webapps")
	}
	attributes := xmlAttributes(t, filepath.Join(private, "conf/server.xml"))
	for name, want := range map[string]string{
		"Server port": "-1", "Connector port": "8001", "Connector address": "127.0.0.1", "Engine jvmRoute": "w2",
		"Host appBase": project + "/webapps", "Host unpackWARs": "false",
	} {
		if attributes[name] != want {
			t.Errorf("%s is %q, want %q", name, attributes[name], want)
		}
	}
}

// xmlAttributes are the attributes of a file by the names of element and attribute.
func xmlAttributes(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := map[string]string{}
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if element, ok := token.(xml.StartElement); ok {
			for _, a := range element.Attr {
				found[element.Name.Local+" "+a.Name.Local] = a.Value
			}
		}
	}
}

// What can't be read is left to the next source.
func TestCopyUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root reads everything; what is not there is tried instead")
	}
	from, to := t.TempDir(), t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/x.xml": 0o000, "b/x.xml": 0o600} {
		if err := os.MkdirAll(filepath.Join(from, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	f := File{Path: "conf", Copy: List{"nowhere/*", from + "/a/*", from + "/b/*"}}
	if err := f.Write(to, from, strings.Clone); err != nil {
		t.Fatal(err)
	}
	want := "b/x.xml"
	if os.Getuid() == 0 {
		want = "a/x.xml"
	}
	if text, err := os.ReadFile(filepath.Join(to, "conf/x.xml")); err != nil || string(text) != want {
		t.Errorf("%q, %v", text, err)
	}
}

// TestBuilt: what is built is named after it is there.
func TestBuilt(t *testing.T) {
	dir := fstest.MapFS{"pom.xml": {Data: []byte("<artifactId>spring-boot-starter-parent</artifactId>"), ModTime: longAgo}}
	set := load(t)
	found, err := set.Recognise(machine(dir, usual, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := found.Built(); err == nil || !strings.Contains(err.Error(), "nothing was found for {jar}") {
		t.Errorf("without a jar: %v", err)
	}
	for i, name := range []string{"target/shop-1.jar", "target/shop-2.jar", "target/shop-2-sources.jar", "target/original-shop-2.jar"} {
		dir[name] = &fstest.MapFile{ModTime: longAgo.Add(time.Duration(i) * time.Hour)}
	}
	built, err := found.Built()
	if got, want := strings.Join(built.Command, " "), "java -jar target/shop-2.jar --server.port={port} --server.address=127.0.0.1"; err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}
