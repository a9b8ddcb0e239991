package scansion

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// width is how many columns printed XML and JSON should not go beyond.
const width = 96

var (
	textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	attrEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", "'", "&apos;", "\n", "&#xA;", "\t", "&#x9;")
)

// format prints an element for people: indented, long start tags broken
// between attributes, every line after margin.
func (n *node) format(margin string) string {
	var b strings.Builder
	n.print(&b, margin, nsClient)
	return strings.TrimSuffix(b.String(), "\n")
}

func (n *node) print(b *strings.Builder, margin, inherited string) {
	tag := n.startTag(inherited)
	if n.text() != "" && len(n.kids) > 0 || len(n.kids) == 0 {
		// A line break would add to the text, so all else stays on one line.
		b.WriteString(breakTag(margin, tag, n.inline()) + "\n")
		return
	}
	b.WriteString(breakTag(margin, tag, ">") + "\n")
	for _, kid := range n.kids {
		kid.print(b, margin+"  ", n.name.Space)
	}
	fmt.Fprintf(b, "%s</%s>\n", margin, n.name.Local)
}

// inline is the end of the start tag and all that follows it, without any line
// break of its own.
func (n *node) inline() string {
	if n.isEmpty() {
		return "/>"
	}
	var b strings.Builder
	b.WriteString(">")
	for i, text := range n.texts {
		b.WriteString(textEscaper.Replace(text))
		if i < len(n.kids) {
			kid := n.kids[i]
			b.WriteString(strings.Join(kid.startTag(n.name.Space), " ") + kid.inline())
		}
	}
	return b.String() + "</" + n.name.Local + ">"
}

func (n *node) isEmpty() bool { return len(n.kids) == 0 && n.text() == "" }

// size is the number of elements and attributes.
func (n *node) size() int {
	sum := 1 + len(n.attrs)
	for _, kid := range n.kids {
		sum += kid.size()
	}
	return sum
}

// title is the start tag in one line, to speak of the element.
func (n *node) title(inherited string) string {
	end := ">"
	if n.isEmpty() {
		end = "/>"
	}
	return strings.Join(n.startTag(inherited), " ") + end
}

// startTag is the name and the attributes as they are written, so that the
// namespace shows only where it changes.
func (n *node) startTag(inherited string) []string {
	parts := []string{"<" + n.name.Local}
	if n.name.Space != inherited {
		parts = append(parts, "xmlns='"+attrEscaper.Replace(n.name.Space)+"'")
	}
	for i, a := range n.attrs {
		name := a.Name.Local
		switch a.Name.Space {
		case "":
		case nsXML:
			name = "xml:" + name
		case nsScansion:
			name = prefix + ":" + name
		default:
			parts = append(parts, fmt.Sprintf("xmlns:ns%d='%s'", i, attrEscaper.Replace(a.Name.Space)))
			name = fmt.Sprintf("ns%d:%s", i, name)
		}
		parts = append(parts, name+"='"+attrEscaper.Replace(a.Value)+"'")
	}
	return parts
}

// breakTag joins a start tag and what follows it, on several lines if one would
// be too long.
func breakTag(margin string, parts []string, end string) string {
	line := margin + strings.Join(parts, " ") + end
	if len(line) <= width {
		return line
	}
	var lines []string
	current := margin + parts[0]
	for i, part := range parts[1:] {
		length := len(current) + 1 + len(part)
		if i == len(parts)-2 {
			length += len(end)
		}
		if length > width {
			lines = append(lines, current)
			current = margin + "   "
		}
		current += " " + part
	}
	return strings.Join(append(lines, current+end), "\n")
}

func attrTitle(name xml.Name) string {
	switch name.Space {
	case "":
		return name.Local
	case nsXML:
		return "xml:" + name.Local
	}
	return "{" + name.Space + "}" + name.Local
}

// expand is a copy of an expected element with its references put in, to be
// shown to people.
func (n *node) expand(v vars) *node {
	out := &node{name: n.name, line: n.line}
	for _, a := range n.attrs {
		out.attrs = append(out.attrs, xml.Attr{Name: a.Name, Value: mustTemplate(a.Value).expand(v)})
	}
	for _, text := range n.texts {
		out.texts = append(out.texts, mustTemplate(text).expand(v))
	}
	for _, kid := range n.kids {
		out.kids = append(out.kids, kid.expand(v))
	}
	return out
}

// wrap breaks a line of JSON after commas and blanks where it would be too
// long, each part after margin.
func wrap(s, margin string) string {
	var b strings.Builder
	column := 0
	for _, atom := range atoms(s) {
		if column > 0 && column+len(strings.TrimRight(atom, " ")) > width-len(margin) {
			b.WriteString("\n")
			column = 0
		}
		if column == 0 {
			b.WriteString(margin)
		}
		b.WriteString(atom)
		column += len(atom)
	}
	return b.String()
}

// atoms splits s where a line may be broken.
func atoms(s string) []string {
	var out []string
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
			continue
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ' ', s[i] == ',' && !quoted:
			out = append(out, s[from:i+1])
			from = i + 1
		}
	}
	return append(out, s[from:])
}
