package presets

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/hbollon/go-edlib"
)

// nearest is the name that was meant by one that is not there, if it is not too far from it; else empty.
func nearest(word string, names []string) string {
	best, least := "", min(3, 1+len(word)/3)
	for _, name := range names {
		if d := edlib.OSADamerauLevenshteinDistance(strings.ToLower(word), name); d < least || d == least && best == "" {
			best, least = name, d
		}
	}
	return best
}

// places are where in a text the values of its keys stand, by path.
type places map[string]place

type place struct{ line, column int }

// of is the place of a key, or of the nearest one above it that has one.
func (p places) of(key string) (line, column int) {
	for ; key != ""; key = key[:max(strings.LastIndexAny(key, ".["), 0)] {
		if at, ok := p[key]; ok {
			return at.line, at.column
		}
	}
	return 1, 1
}

// placesOf finds out where everything is.
func placesOf(text []byte) places {
	found := places{}
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil || len(parsed.Docs) == 0 {
		return found
	}
	ast.Walk(found, parsed.Docs[0].Body)
	return found
}

// keyMark behind a path stands for the key in place of its value.
const keyMark = "#"

// Visit notes the place of a node: of a map that of its first key, as its own token is a colon.
func (p places) Visit(n ast.Node) ast.Visitor {
	t, path := (*token.Token)(nil), ""
	switch n := n.(type) {
	case nil:
		return nil
	case *ast.MappingValueNode:
		if at := n.Key.GetToken(); at != nil && at.Position != nil {
			p[n.Value.GetPath()+keyMark] = place{at.Position.Line, at.Position.Column}
		}
		ast.Walk(p, n.Value) // and not the key, which has the same path
		return nil
	case *ast.MappingNode:
		if path = n.GetPath(); len(n.Values) > 0 && !n.IsFlowStyle {
			t = n.Values[0].Key.GetToken()
		} else {
			t = n.Start
		}
	default:
		t, path = n.GetToken(), n.GetPath()
	}
	if _, known := p[path]; !known && path != "" && t != nil && t.Position != nil {
		p[path] = place{t.Position.Line, t.Position.Column}
	}
	return p
}
