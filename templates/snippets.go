package templates

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed snippets
var snippets embed.FS

// A Snippet is a piece of an app that shows which port served it, as code with comments that say where it goes. The port is that of
// the worker, never that of the Host field: behind a balancer, that is the balancer's.
type Snippet struct {
	Name  string `json:"name"`  // of the framework, as people type it
	Title string `json:"title"` // of the framework
	File  string `json:"file"`  // what the comments call it
	Path  string `json:"path"`  // what is asked for then

	source string
}

// Text is the code.
func (s Snippet) Text() string {
	text, err := snippets.ReadFile("snippets/" + s.source)
	if err != nil {
		panic(fmt.Sprintf("templates: %v", err)) // it is embedded
	}
	return string(text)
}

// Snippets are all of them.
func Snippets() []Snippet {
	return []Snippet{
		{"django", "Django", "served_by.py", "/served-by/", "django.py"},
		{"flask", "Flask", "served_by.py", "/served-by", "flask.py"},
		{"fastapi", "FastAPI", "served_by.py", "/served-by", "fastapi.py"},
		{"express", "Express", "servedBy.js", "/served-by", "express.js"},
		{"rails", "Rails", "served_by_controller.rb", "/served-by", "rails.rb"},
		{"spring", "Spring Boot", "ServedByController.java", "/served-by", "spring.java"},
		{"go", "Go", "servedby.go", "/served-by", "go.txt"},
		{"php", "PHP", "served-by.php", "/served-by.php", "php.php"},
	}
}

// SnippetFor is the one of that name.
func SnippetFor(name string) (Snippet, error) {
	var names []string
	for _, s := range Snippets() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Snippet{}, fmt.Errorf("cannot find a snippet for %q: there are %s", name, strings.Join(names, ", "))
}
