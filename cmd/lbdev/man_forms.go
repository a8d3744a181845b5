package main

import (
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"
)

// roff is the manual as a man page, in the old macros that every formatter knows, and in ASCII.
func (m *manual) roff(version string, date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH LBDEV 1 \"%s\" \"%s\" \"User Commands\"\n", date.UTC().Format(time.DateOnly), roffEscape("lbdev "+version))
	b.WriteString(".nh\n.ad l\n") // flags and addresses must not be broken or stretched
	fresh := false                // a heading has just begun a paragraph
	for _, block := range m.blocks {
		switch {
		case block.heading != "":
			fmt.Fprintf(&b, ".SH %s\n", block.heading)
		case block.subheading != "":
			fmt.Fprintf(&b, ".SS %s\n", roffEscape(block.subheading))
		case block.term != "":
			fmt.Fprintf(&b, ".TP\n%s\n", roffLine(roffMarks(block.term)))
			roffText(&b, block.what)
		case len(block.lines) > 0:
			if !fresh {
				b.WriteString(".PP\n")
			}
			b.WriteString(".RS 4\n.nf\n")
			for _, line := range block.lines {
				b.WriteString(roffExample(line))
			}
			b.WriteString(".fi\n.RE\n")
		default:
			if !fresh {
				b.WriteString(".PP\n")
			}
			roffText(&b, block.para)
		}
		fresh = block.heading != "" || block.subheading != ""
	}
	return b.String()
}

// roffText writes a marked text in source lines of less than 80 characters, as mandoc -Tlint wants them.
func roffText(b *strings.Builder, text string) {
	line := ""
	for word := range strings.FieldsSeq(roffMarks(text)) {
		if line != "" && len(line)+1+len(word) >= 80 {
			fmt.Fprintln(b, roffLine(line))
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	fmt.Fprintln(b, roffLine(line))
}

func roffExample(line string) string {
	if line == "" {
		return ".sp\n"
	}
	return roffLine(roffEscape(line)) + "\n"
}

// roffLine guards a line of text whose first character would make it a request.
func roffLine(text string) string {
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}

// roffEscape writes text so that it stands on the page as it is: a plain - would be typeset as a hyphen, which can't be
// pasted into a shell, ' and ` as quotation marks, and " would hold the words of a heading together.
func roffEscape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, `"`, `\(dq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", "...", "±", `\(+-`).Replace(text)
	var b strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}

// roffMarks is a marked text with its fonts: what is typed as it is in bold, placeholders in italics.
func roffMarks(text string) string {
	var b strings.Builder
	for font, part := range spans(text) {
		part = roffEscape(part)
		if font != fontPlain {
			part = `\f` + string(font) + part + `\fR`
		}
		b.WriteString(part)
	}
	return b.String()
}

// textWidth is how wide a paragraph is where the terminal is wider.
const textWidth = 90

// text is the manual for a terminal, or wherever there is no man(1).
func (m *manual) text(l look) string {
	width := textWidth
	if l.width > 0 {
		width = min(width, l.width)
	}
	var b strings.Builder
	for i, block := range m.blocks {
		if i > 0 && !(block.term == "" && m.blocks[i-1].heading != "") {
			b.WriteByte('\n')
		}
		switch {
		case block.heading != "":
			fmt.Fprintf(&b, "%s\n", l.bold(block.heading))
		case block.subheading != "":
			fmt.Fprintf(&b, "   %s\n", l.bold(block.subheading))
		case block.term != "":
			fmt.Fprintf(&b, "       %s\n", l.textMarks(block.term))
			l.wrap(&b, 15, width, block.what)
		case len(block.lines) > 0:
			for _, line := range block.lines {
				fmt.Fprintf(&b, "%s\n", strings.TrimRight("           "+line, " "))
			}
		default:
			l.wrap(&b, 7, width, block.para)
		}
	}
	return strings.NewReplacer(unicodeSigns.ellipsis, l.ellipsis, unicodeSigns.plusMinus, l.plusMinus).Replace(b.String())
}

// wrap writes a marked text in lines no wider than that, unless a word is.
func (l look) wrap(b *strings.Builder, indent, width int, text string) {
	column, margin := 0, strings.Repeat(" ", indent)
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(strings.ReplaceAll(strings.ReplaceAll(word, markTyped, ""), "`", ""))
		switch {
		case column == 0:
			b.WriteString(margin)
			column = indent
		case column+1+n > width:
			b.WriteString("\n" + margin)
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(l.textMarks(word))
		column += n
	}
	b.WriteByte('\n')
}

func (l look) textMarks(text string) string {
	var b strings.Builder
	for font, part := range spans(text) {
		if font == fontTyped {
			part = l.bold(part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// A font is a font of roff.
type font string

const (
	fontPlain       font = "R"
	fontTyped       font = "B" // what is typed as it is
	fontPlaceholder font = "I"
)

// markTyped stands before and after what is typed as it is. It is no character that the texts of the tables could hold.
const markTyped = "\x01"

// typed marks what is between asterisks. Texts of the tables don't go through it: they have asterisks of their own.
func typed(text string) string { return strings.ReplaceAll(text, "*", markTyped) }

// spans are the parts of a marked text. A mark without its fellow is left out.
func spans(text string) iter.Seq2[font, string] {
	return func(yield func(font, string) bool) {
		now := fontPlain
		for text != "" {
			i := strings.IndexAny(text, markTyped+"`")
			if i < 0 {
				i = len(text)
			}
			if i > 0 && !yield(now, text[:i]) {
				return
			}
			if i == len(text) {
				return
			}
			change := fontPlaceholder
			if text[i:i+1] == markTyped {
				change = fontTyped
			}
			if now == change {
				change = fontPlain
			}
			now, text = change, text[i+1:]
		}
	}
}
