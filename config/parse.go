package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	// maxFile is the largest file that is read. The YAML parser's time grows with the square of some inputs: 64 KiB of them take half a
	// second.
	maxFile = 64 << 10
	// maxDepth is how many brackets may be open. Thousands of them would take the parser many seconds.
	maxDepth = 64
)

// Parse reads lbdev.yaml, which has the given name in messages. Its error is Mistakes. A file with nothing in it is fine.
func Parse(name string, data []byte) (*File, error) { return parse(name, data, nil) }

func parse(name string, data []byte, lookup func(string) (string, bool)) (*File, error) {
	p := &reader{file: &File{name: name, values: map[string]*given{}}, lookup: lookup}
	p.read(data)
	if len(p.mistakes) > 0 {
		return nil, p.mistakes.sorted()
	}
	return p.file, nil
}

// A reader reads one file and gathers what is wrong with it.
type reader struct {
	file     *File
	lookup   func(string) (string, bool) // variables of the environment; nil = os.LookupEnv
	mistakes Mistakes
}

// wrong notes a mistake; meant may be empty.
func (p *reader) wrong(at Place, key, meant, format string, args ...any) {
	m := &Mistake{File: p.file.name, Place: at, Key: key, Wrong: fmt.Sprintf(format, args...), Meant: meant}
	m.quote(p.file.lines)
	p.mistakes = append(p.mistakes, m)
}

func (p *reader) read(data []byte) {
	text, ok := p.text(data)
	if !ok {
		return
	}
	docs, err := parseYAML(text)
	if err != nil {
		p.syntax(err)
		return
	}
	var root ast.Node
	for _, doc := range docs {
		switch _, directive := doc.(*ast.DirectiveNode); {
		case doc == nil || directive:
		case root != nil:
			p.wrong(placeOf(doc), "", "one file has the settings of one cluster; leave the --- out", "a second document begins here")
		default:
			root = doc
		}
	}
	if root != nil {
		p.root(root)
	}
}

// text is what there is to parse, if it can be.
func (p *reader) text(data []byte) (string, bool) {
	if len(data) > maxFile {
		p.wrong(Place{}, "", "", "it has %d bytes, and lbdev.yaml may have %d", len(data), maxFile)
		return "", false
	}
	text := strings.TrimPrefix(string(data), "\uFEFF") // some editors on Windows begin with it
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	p.file.lines = strings.Split(text, "\n")
	if !utf8.ValidString(text) {
		p.wrong(badByte(text), "", "save it as UTF-8", "here is a byte that is no UTF-8")
		return "", false
	}
	if place, ok := tooDeep(text); ok {
		p.wrong(place, "", "is one left open?", "more than %d brackets are open here", maxDepth)
		return "", false
	}
	for i, r := range text {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			p.wrong(placeAt(text, i), "", "", "here is the control character %U, which YAML does not allow", r)
			return "", false
		}
	}
	return text, true
}

// placeAt is where the i-th byte is.
func placeAt(text string, i int) Place {
	line := 1 + strings.Count(text[:i], "\n")
	begin := strings.LastIndexByte(text[:i], '\n') + 1
	return Place{Line: line, Column: 1 + utf8.RuneCountInString(text[begin:i]), Width: 1}
}

func badByte(text string) Place {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return placeAt(text, i)
			}
		}
	}
	return Place{}
}

// tooDeep finds the bracket that is one too many.
func tooDeep(text string) (Place, bool) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '[', '{':
			if depth++; depth > maxDepth {
				return placeAt(text, i), true
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return Place{}, false
}

// errParser is a panic of the YAML parser, of which it has had some (goccy/go-yaml issues 439, 478, 479).
var errParser = errors.New("this is no YAML that can be read")

// parseYAML returns the bodies of the documents.
func parseYAML(text string) (bodies []ast.Node, err error) {
	defer func() {
		if recover() != nil {
			bodies, err = nil, errParser
		}
	}()
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, err
	}
	for _, doc := range file.Docs {
		bodies = append(bodies, doc.Body)
	}
	return bodies, nil
}

// syntax says what the YAML parser has against the file.
func (p *reader) syntax(err error) {
	at, message := Place{}, err.Error()
	if e, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		message = e.Message
		if tk := e.Token; tk != nil && tk.Position != nil {
			at = p.within(Place{Line: tk.Position.Line, Column: tk.Position.Column, Width: 1})
		}
	}
	for _, line := range []int{at.Line, at.Line + 1, at.Line - 1} { // the parser stops at what stands near it
		if column := tabIn(p.line(line)); column > 0 {
			p.wrong(Place{Line: line, Column: column, Width: 1}, "", "use spaces", "a tab is no indentation in YAML")
			return
		}
	}
	line := strings.TrimSpace(p.line(at.Line))
	deeper := p.deeper(at.Line)
	odd, column := oddIn(p.line(at.Line))
	switch {
	case odd != "":
		at.Column = column
		p.wrong(at, "", "put what begins with "+odd+" in quotes", "%s begins something else in YAML than a text", odd)
	case strings.Contains(message, "mapping value is not allowed") && deeper > 0:
		at = Place{Line: deeper, Column: 1 + indentOf(p.line(deeper)), Width: 1}
		p.wrong(at, "", "the keys of one map begin in the same column", "this line is indented more than the one before it, which has its value already")
	case strings.Contains(message, "mapping value is not allowed"):
		p.wrong(at, "", "put a value with  :  in it in quotes", "this value is followed by a colon, as a key is")
	case strings.Contains(message, "unexpected key name"), strings.Contains(message, "value is not allowed in this context"),
		strings.Contains(message, "non-map value"):
		if key, _, pair := strings.Cut(line, ": "); pair && !strings.ContainsAny(key, " :") {
			p.wrong(at, "", "are the lines around it indented as it is, and quotes closed?", "this does not go with what stands before it")
			return
		}
		p.wrong(at, "", pairFor(line), "this is no line of the form  key: value")
	case strings.Contains(message, "could not find"), strings.Contains(message, "not found"):
		p.wrong(at, "", "", "what begins here has no end: %s", message)
	case strings.Contains(message, "must be specified"):
		p.wrong(at, "", "is a bracket left open before it?", "%s", message)
	case strings.Contains(message, "reserved character"), strings.Contains(message, "cannot start any token"):
		p.wrong(at, "", "put it in quotes", "%s", message)
	default:
		p.wrong(at, "", "", "%s", message)
	}
}

// oddStart finds a value, of a key or in a list, that begins with what has a meaning of its own in YAML: globs, patterns for logs, placeholders
// with something behind them.
var oddStart = regexp.MustCompile("^[^\"'#]*?(?:: |\\[|, |- ) *(?:([*&!%@`])[^ \"']|([{])[A-Za-z]+} *[^ ,}\\]#])")

// oddIn is the character with which such a value begins, and its column; empty if there is none.
func oddIn(line string) (char string, column int) {
	found := oddStart.FindStringSubmatchIndex(line)
	for i := 2; i < len(found); i += 2 {
		if from := found[i]; from >= 0 {
			return line[from : from+1], 1 + utf8.RuneCountInString(line[:from])
		}
	}
	return "", 0
}

// tabIn is the column of a tab before a line's first character, 0 if there is none.
func tabIn(line string) int {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	return 1 + strings.IndexByte(indent, '\t')
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// deeper is the line after the n-th, if it is indented more; else 0. Empty ones and comments don't count.
func (p *reader) deeper(n int) int {
	for i := n + 1; i <= len(p.file.lines); i++ {
		text := strings.TrimSpace(p.line(i))
		if text == "" || text[0] == '#' {
			continue
		}
		if indentOf(p.line(i)) > indentOf(p.line(n)) {
			return i
		}
		break
	}
	return 0
}

// pairFor is what may have been meant by a line without a colon that is followed by a space.
func pairFor(line string) string {
	key, value, ok := strings.Cut(line, " ")
	if k, v, colon := strings.Cut(line, ":"); colon && v != "" && v[0] != ' ' {
		key, value, ok = k, v, true
	}
	if k, known := KeyOf(strings.Trim(key, ":= ")); known && ok {
		if value = strings.TrimLeft(strings.TrimSpace(value), "=: "); len(value) < lineShown/2 {
			return k.Name + ": " + value + " ?"
		}
	}
	return "a key is followed by a colon and a space"
}

func (p *reader) line(n int) string {
	if n < 1 || n > len(p.file.lines) {
		return ""
	}
	return p.file.lines[n-1]
}

// within keeps a place in the file: the parser's columns of texts over several lines are not to be trusted.
func (p *reader) within(at Place) Place {
	at.Line = min(max(at.Line, 1), len(p.file.lines))
	at.Column = min(max(at.Column, 1), 1+utf8.RuneCountInString(p.line(at.Line)))
	return at
}

// placeOf is where a node begins. A map's token is the colon behind its first key.
func placeOf(n ast.Node) Place {
	switch v := n.(type) {
	case *ast.MappingNode:
		if len(v.Values) > 0 && v.Start.Value != "{" {
			return placeOf(v.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return placeOf(v.Key)
	}
	tk := n.GetToken()
	if tk == nil || tk.Position == nil {
		return Place{}
	}
	at := Place{Line: tk.Position.Line, Column: tk.Position.Column, Width: 1}
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		origin, _, _ := strings.Cut(strings.TrimSpace(tk.Origin), "\n")
		at.Width = utf8.RuneCountInString(origin)
	}
	return at
}

// root reads the map that the file is.
func (p *reader) root(n ast.Node) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		p.wrong(p.within(placeOf(n)), "", pairFor(strings.TrimSpace(p.line(placeOf(n).Line))), "this is no line of the form  key: value")
		return
	}
	seen := map[string]Place{}
	for _, pair := range m.Values {
		name, at, ok := p.key(pair.Key)
		if !ok {
			continue
		}
		k, known := KeyOf(name)
		first, twice := seen[name]
		switch {
		case !known:
			p.wrong(at, "", keyFor(name), "%s is no key", shown(name))
			continue
		case twice:
			p.wrong(at, "", "", "%s is there twice; the first is in line %d", name, first.Line)
			continue
		}
		seen[name] = at
		p.value(k, pair.Value, at)
	}
}

// key is the name of a key.
func (p *reader) key(n ast.Node) (name string, at Place, ok bool) {
	at = p.within(placeOf(n))
	if tab := tabIn(p.line(at.Line)); tab > 0 { // spaces before it make the parser take it
		p.wrong(Place{Line: at.Line, Column: tab, Width: 1}, "", "use spaces", "a tab is no indentation in YAML")
		return "", at, false
	}
	switch n := n.(type) {
	case *ast.MergeKeyNode:
		p.wrong(at, "", "write the settings out", "<< is no key: lbdev.yaml has no merge keys")
	case *ast.StringNode:
		return n.Value, at, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, at, true
	default:
		p.wrong(at, "", "a key is a word followed by a colon", "this is no key")
	}
	return "", at, false
}

// value reads the value of a key into its field.
func (p *reader) value(k Key, n ast.Node, key Place) {
	before := len(p.mistakes)
	v := &given{place: p.within(placeOf(n))}
	if _, null := n.(*ast.NullNode); null && v.place.Width != len("null") || n == nil {
		v.place = key // nothing stands there
	}
	field := reflect.ValueOf(p.file).Elem().Field(k.field)
	switch k.Kind {
	case Words:
		p.words(k, n, v)
		field.Set(reflect.ValueOf(Command(v.texts)))
	case Names:
		field.Set(reflect.ValueOf(p.names(k, n, v)))
	case Several:
		p.several(k, n, v)
		field.Set(reflect.ValueOf(List(v.texts)))
	default:
		if one, ok := p.one(k, n, v); ok {
			p.scalar(k, one, v, field)
		}
	}
	if len(p.mistakes) == before && (len(v.texts) > 0 || k.Kind == Text) {
		p.file.values[k.Name] = v
	}
}

// shown is a text from the file as a message shows it.
func shown(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	plain := text != "" && !slices.ContainsFunc([]rune(text), func(r rune) bool { return r <= ' ' || r >= 0x7f && r < 0xa0 || r == '"' })
	if plain {
		return text
	}
	return fmt.Sprintf("%q", text)
}
