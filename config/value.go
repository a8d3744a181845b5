package config

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A scalar is one value as it is written.
type scalar struct {
	text   string
	quoted bool // or in another way a text and nothing else
	truth  bool // true or false, without quotes
}

// one is the one value that a key has, if it is one.
func (p *reader) one(k Key, n ast.Node, v *given) (scalar, bool) {
	s, ok := p.single(k, n, v.place)
	if ok {
		return s, true
	}
	switch n := n.(type) {
	case *ast.SequenceNode:
		meant := ""
		if len(n.Values) == 1 {
			if only, ok := textOf(n.Values[0]); ok {
				meant = fmt.Sprintf("%s: %s ?", k.Name, only.text)
			}
		}
		p.wrong(v.place, k.Name, meant, "there is a list where %s belongs", oneOf(k))
	case *ast.MappingNode:
		p.notMap(k, n, v.place, oneOf(k))
	case *ast.NullNode:
		p.wrong(v.place, k.Name, "leave the key out for its default", "the value is missing")
	}
	return scalar{}, false
}

// single is a node's value. Of what never has one it says so itself.
func (p *reader) single(k Key, n ast.Node, at Place) (scalar, bool) {
	switch n := n.(type) {
	case *ast.AliasNode:
		meant := "write the value itself"
		if n.Value != nil && (k.Name == "watch" || strings.ContainsAny(n.Value.GetToken().Value, "./*")) {
			meant = fmt.Sprintf("write it in quotes: %q", "*"+n.Value.GetToken().Value)
		}
		p.wrong(at, k.Name, meant, "* without quotes is an alias in YAML, and lbdev.yaml has none")
	case *ast.AnchorNode:
		p.wrong(at, k.Name, "leave it out", "there is an anchor (&), and lbdev.yaml has none")
	case *ast.TagNode:
		tag, meant := n.GetToken().Value, "leave it out"
		if !strings.HasPrefix(tag, "!!") {
			meant = fmt.Sprintf("write it in quotes: %q", tag)
		}
		p.wrong(at, k.Name, meant, "%s without quotes is a tag in YAML, and lbdev.yaml has none", shown(tag))
	case nil:
		p.wrong(at, k.Name, "leave the key out for its default", "the value is missing")
	}
	return textOf(n)
}

// textOf is the text of a node that is one value.
func textOf(n ast.Node) (scalar, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return scalar{text: n.Value, quoted: n.Token.Type != token.StringType}, true
	case *ast.LiteralNode:
		if n.Value == nil { // an empty block
			return scalar{quoted: true}, true
		}
		return scalar{text: strings.TrimRight(n.Value.Value, "\n"), quoted: true}, true
	case *ast.BoolNode:
		return scalar{text: n.Token.Value, truth: true}, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return scalar{text: n.GetToken().Value}, true
	}
	return scalar{}, false
}

// notMap tells of a map where none belongs. {port} without quotes is one.
func (p *reader) notMap(k Key, m *ast.MappingNode, at Place, belongs string) {
	if len(m.Values) == 1 && m.Start.Value == "{" {
		if _, null := m.Values[0].Value.(*ast.NullNode); null {
			word := "{" + m.Values[0].Key.GetToken().Value + "}"
			p.wrong(at, k.Name, fmt.Sprintf("write it in quotes: %q", word), "%s without quotes is a map in YAML", word)
			return
		}
	}
	p.wrong(at, k.Name, "", "there is a map where %s belongs", belongs)
}

// oneOf says what belongs where a key takes one value.
func oneOf(k Key) string {
	if len(k.Enum) > 0 {
		return "one word"
	}
	return string(k.Kind)
}

// scalar reads one value into its field.
func (p *reader) scalar(k Key, s scalar, v *given, field reflect.Value) {
	switch k.Kind {
	case Whole:
		if n, ok := p.whole(k, s, v.place); ok {
			field.SetInt(int64(n))
			v.texts = []string{strconv.Itoa(n)}
		}
	case Truth:
		if b, ok := p.truth(k, s, v.place); ok {
			field.SetBool(b)
			v.texts = []string{strconv.FormatBool(b)}
		}
	case Time:
		if d, ok := p.time(k, s, v.place); ok {
			field.SetInt(int64(d))
			v.texts = []string{d.String()}
		}
	case Size:
		if n, err := ParseBytes(s.text); err == nil {
			field.SetInt(int64(n))
			v.texts = []string{s.text}
		} else {
			p.wrong(v.place, k.Name, sizeFor(s.text), "%s is no size", shown(s.text))
		}
	case Text:
		if p.textual(k, s, v.place) {
			field.SetString(s.text)
			v.texts = []string{s.text}
		}
	}
}

var (
	decimal = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	numeral = regexp.MustCompile(`^-?[0-9][0-9_]*$`)
)

// whole reads a whole number.
func (p *reader) whole(k Key, s scalar, at Place) (int, bool) {
	n, err := strconv.ParseInt(strings.ReplaceAll(s.text, "_", ""), 0, 64)
	switch {
	case s.quoted && decimal.MatchString(s.text):
		p.wrong(at, k.Name, k.Name+": "+s.text+" ?", "%q in quotes is a text, and a whole number belongs here", s.text)
		return 0, false
	case !decimal.MatchString(s.text) && err == nil && (!numeral.MatchString(s.text) || n >= 0):
		p.wrong(at, k.Name, fmt.Sprintf("%s: %d ?", k.Name, decimalOf(s.text, n)), "%s is not written as a decimal number", shown(s.text))
		return 0, false
	case !numeral.MatchString(s.text):
		p.wrong(at, k.Name, p.digits(k, s.text), "%s is no whole number", shown(s.text))
		return 0, false
	}
	low, high := atLeast(k.Min, math.MinInt32), atLeast(k.Max, math.MaxInt32)
	if err != nil || n < low || n > high {
		p.wrong(at, k.Name, "", "%s is out of range: it must be %s", shown(s.text), rangeOf(k))
		return 0, false
	}
	return int(n), true
}

// decimalOf is a number that begins with a 0 as people mean it: ten, where 010 is eight in old YAML.
func decimalOf(text string, n int64) int64 {
	if d, err := strconv.ParseInt(text, 10, 64); err == nil {
		return d
	}
	return n
}

// digits is the number that a text begins with, or that a word means.
func (p *reader) digits(k Key, text string) string {
	small := []string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	if i := slices.Index(small, strings.ToLower(text)); i >= 0 {
		return fmt.Sprintf("%s: %d ?", k.Name, i)
	}
	number, rest, _ := strings.Cut(strings.TrimSpace(text), ".")
	if decimal.MatchString(number) && strings.Trim(rest, "0") == "" {
		return fmt.Sprintf("%s: %s ?", k.Name, number)
	}
	return ""
}

func atLeast(tag string, instead int64) int64 {
	if n, err := strconv.ParseInt(tag, 10, 64); err == nil {
		return n
	}
	return instead
}

func rangeOf(k Key) string {
	switch {
	case k.Max != "":
		return k.Min + " to " + k.Max
	case k.Min == "0":
		return "0 or more"
	}
	return k.Min + " or more"
}

// truth reads true or false.
func (p *reader) truth(k Key, s scalar, at Place) (bool, bool) {
	if s.truth {
		return strings.EqualFold(s.text, "true"), true
	}
	meant := ""
	switch strings.ToLower(s.text) {
	case "yes", "on", "y", "1", "true", "t", "enabled":
		meant = k.Name + ": true ?"
	case "no", "off", "n", "0", "false", "f", "disabled":
		meant = k.Name + ": false ?"
	}
	if s.quoted {
		p.wrong(at, k.Name, meant, "%q in quotes is a text, and true or false belongs here", s.text)
	} else {
		p.wrong(at, k.Name, meant, "%s is neither true nor false", shown(s.text))
	}
	return false, false
}

// time reads a time with its unit.
func (p *reader) time(k Key, s scalar, at Place) (time.Duration, bool) {
	d, err := time.ParseDuration(s.text)
	if err != nil {
		meant := timeFor(s.text)
		if meant != "" {
			meant = k.Name + ": " + meant + " ?"
		} else {
			meant = "such as 500ms, 10s or 1m30s"
		}
		if decimal.MatchString(s.text) {
			p.wrong(at, k.Name, meant, "%s is no time: it has no unit", shown(s.text))
		} else {
			p.wrong(at, k.Name, meant, "%s is no time", shown(s.text))
		}
		return 0, false
	}
	if above, err := time.ParseDuration(k.Above); err == nil && d <= above {
		p.wrong(at, k.Name, "", "%s is too short: the time must be above 0", shown(s.text))
		return 0, false
	}
	if d < 0 {
		p.wrong(at, k.Name, "", "%s is below 0", shown(s.text))
		return 0, false
	}
	return d, true
}

var timeWords = regexp.MustCompile(`(?i)^([0-9]+(?:\.[0-9]+)?) *(ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)?$`)

// timeFor is the time that a text means, as it is to be written; empty if that is not clear.
func timeFor(text string) string {
	found := timeWords.FindStringSubmatch(strings.TrimSpace(text))
	if found == nil {
		return ""
	}
	unit := strings.ToLower(found[2])
	switch {
	case unit == "":
		return found[1] + "s"
	case strings.HasPrefix(unit, "ms"), strings.HasPrefix(unit, "mil"):
		return found[1] + "ms"
	case unit[0] == 'd':
		n, _ := strconv.ParseFloat(found[1], 64)
		return strconv.FormatFloat(n*24, 'f', -1, 64) + "h"
	}
	return found[1] + unit[:1]
}

// textual checks a text.
func (p *reader) textual(k Key, s scalar, at Place) bool {
	if len(k.Enum) > 0 {
		return p.enumerated(k, s, at)
	}
	if s.truth {
		meant := fmt.Sprintf("write it in quotes: %q", s.text)
		if slices.Contains(k.Known, "off") && strings.EqualFold(s.text, "false") {
			meant = k.Name + ": off ?"
		}
		p.wrong(at, k.Name, meant, "%s without quotes is a truth value, and a text belongs here", s.text)
		return false
	}
	return p.matches(k, s.text, at)
}

// matches says whether a text is of the form that its key wants.
func (p *reader) matches(k Key, text string, at Place) bool {
	if strings.ContainsRune(text, '\n') {
		p.wrong(at, k.Name, "", "there are several lines where one belongs")
		return false
	}
	if k.Pattern == "" || regexp.MustCompile(k.Pattern).MatchString(text) {
		return true
	}
	meant := fmt.Sprintf("such as %s", k.Like)
	if k.Pattern == "^/" {
		if text != "" {
			meant = fmt.Sprintf("%s: /%s ?", k.Name, text)
		}
		p.wrong(at, k.Name, meant, "%s does not begin with /", shown(text))
		return false
	}
	p.wrong(at, k.Name, meant, "%s is not of the form that is wanted here", shown(text))
	return false
}

// enumerated checks one of several words.
func (p *reader) enumerated(k Key, s scalar, at Place) bool {
	var plain []string
	for _, word := range k.Enum {
		begin, named := strings.CutSuffix(word, "*")
		if s.text == word && !named || named && strings.HasPrefix(s.text, begin) && len(s.text) > len(begin) {
			return true
		}
		plain = append(plain, strings.Replace(word, "*", "NAME", 1))
	}
	near := nearest(s.text, plain)
	switch {
	case s.truth && slices.Contains(plain, "off"):
		near = map[bool]string{true: "on", false: "off"}[strings.EqualFold(s.text, "true")]
		if !slices.Contains(plain, near) {
			near = ""
		}
	case near == "":
		if i := slices.IndexFunc(plain, func(w string) bool {
			return strings.HasPrefix(w, s.text+":") || len(s.text) > 2 && strings.HasPrefix(w, s.text)
		}); i >= 0 {
			near = plain[i]
		}
	}
	if near != "" {
		near = "did you mean " + near + "?"
	}
	p.wrong(at, k.Name, near, "%s is none of %s", shown(s.text), strings.Join(plain, ", "))
	return false
}

// several reads a list, or one value that stands for a list of it.
func (p *reader) several(k Key, n ast.Node, v *given) {
	if s, ok := p.single(k, n, v.place); ok {
		if p.item(k, s, v.place) {
			v.texts, v.items = []string{s.text}, []Place{v.place}
		}
		return
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		p.notMap(k, n, v.place, "a list")
	case *ast.SequenceNode:
		for _, item := range n.Values {
			at := p.within(placeOf(item))
			s, ok := p.single(k, item, at)
			switch item := item.(type) {
			case *ast.NullNode:
				p.wrong(at, k.Name, "leave the line out", "an item of the list is empty")
			case *ast.MappingNode:
				p.notMap(k, item, at, "a text")
			case *ast.SequenceNode:
				p.wrong(at, k.Name, "", "there is a list within the list")
			}
			if ok && p.item(k, s, at) {
				v.texts, v.items = append(v.texts, s.text), append(v.items, at)
			}
		}
	}
}

// item checks one of several values.
func (p *reader) item(k Key, s scalar, at Place) bool {
	if s.text == "" {
		p.wrong(at, k.Name, "leave it out", "an item of the list is empty")
		return false
	}
	if s.truth {
		p.wrong(at, k.Name, fmt.Sprintf("write it in quotes: %q", s.text), "%s without quotes is a truth value, and a text belongs here", s.text)
		return false
	}
	return p.matches(k, s.text, at)
}
