package config

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// SchemaAddress is where editors find the schema.
const SchemaAddress = "https://raw.githubusercontent.com/lbdev/lbdev/main/docs/lbdev.schema.json"

// About is what people are told of a key, and its default; nil = it has none.
type About struct {
	Help    string
	Default any // a string, int or bool
}

// object is a part of a schema.
type object = map[string]any

// Schema is the JSON Schema of lbdev.yaml, for editors: of draft 7, as yaml-language-server knows no later one. about says of each key
// what only its flag knows.
func Schema(about func(key string) About) []byte {
	properties := object{}
	for _, k := range Keys() {
		property := k.schema()
		a := about(k.Name)
		property["description"] = a.Help
		if a.Default != nil {
			property["default"] = a.Default
		}
		properties[k.Name] = property
	}
	text, err := json.MarshalIndent(object{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"$id":                  SchemaAddress,
		"title":                "lbdev.yaml",
		"description":          "Settings of  lbdev up . Flags and LBDEV_… variables count more.",
		"type":                 []string{"object", "null"},
		"additionalProperties": false,
		"properties":           properties,
	}, "", "  ")
	if err != nil {
		panic(err) // of what was made above
	}
	return append(text, '\n')
}

// oneLine is what a text without line breaks matches.
const oneLine = `^[^\n]*$`

func (k *Key) schema() object {
	switch k.Kind {
	case Whole:
		return k.number()
	case Truth:
		return object{"type": "boolean"}
	case Time:
		return k.duration()
	case Size:
		var units []string
		for _, u := range sizeUnits {
			units = append(units, u.name)
		}
		return anyOf(object{"type": "integer", "minimum": 0}, object{"type": "string", "pattern": "^[0-9]+(" + strings.Join(units, "|") + ")$"})
	case Several:
		item := k.text()
		return anyOf(item, object{"type": "array", "items": item}, object{"type": "null"})
	case Names:
		return object{
			"type":                 []string{"object", "null"},
			"propertyNames":        object{"pattern": "^[^=]+$"},
			"additionalProperties": object{"type": []string{"string", "number", "boolean"}},
		}
	case Words:
		word := []string{"string", "number", "boolean"}
		list := object{"type": "array", "minItems": 1, "items": []object{{"type": word, "minLength": 1}}, "additionalItems": object{"type": word}}
		return anyOf(list, object{"type": "string", "pattern": `\S`})
	}
	return k.text()
}

func anyOf(those ...object) object { return object{"anyOf": those} }

func (k *Key) number() object {
	o := object{"type": "integer"}
	for keyword, tag := range map[string]string{"minimum": k.Min, "maximum": k.Max} {
		if n, err := strconv.Atoi(tag); err == nil {
			o[keyword] = n
		}
	}
	return o
}

// duration is a number and its unit, several times; 0 needs none.
func (k *Key) duration() object {
	text := object{"type": "string", "pattern": `^(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+)$`}
	if k.Above != "" {
		text["not"] = object{"pattern": `^[^1-9]*$`} // no digit but 0
		return text
	}
	return anyOf(text, object{"const": 0})
}

// text is one text: of several words, of a form, or any.
func (k *Key) text() object {
	if len(k.Enum) > 0 {
		var plain []string
		var forms []object
		for _, word := range k.Enum {
			if begin, named := strings.CutSuffix(word, "*"); named {
				forms = append(forms, object{"type": "string", "pattern": "^" + begin + ".+$"})
			} else {
				plain = append(plain, word)
			}
		}
		if len(forms) == 0 {
			return object{"type": "string", "enum": plain}
		}
		return anyOf(slices.Insert(forms, 0, object{"type": "string", "enum": plain})...)
	}
	any := object{"type": []string{"string", "number"}, "pattern": oneLine}
	if k.Kind == Several {
		any["minLength"] = 1
	}
	if k.Pattern != "" {
		any = object{"type": "string", "pattern": k.Pattern}
		if regexp.MustCompile(k.Pattern).MatchString("4") { // then a number is such a text too
			any = anyOf(any, object{"type": "integer", "minimum": 0})
		}
	}
	if len(k.Known) > 0 { // which editors offer
		return anyOf(object{"enum": k.Known}, any)
	}
	return any
}
