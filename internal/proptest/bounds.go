package proptest

import (
	"strings"

	"github.com/gomuc/muc"
)

// pageFrame is more than a page of a list takes beside its items here.
const pageFrame = 700

// checkBounds: every stanza is within its bound for each who gets it, and every list
// within that of a page, but for one item.
func (w *world) checkBounds(out []sent) {
	for _, m := range out {
		if fault := unbounded(&w.cfg.Limits, m.text, pageFrame); fault != "" {
			w.fail("%s: %s", fault, m.text)
		}
	}
}

// unbounded is what is wrong with the size of a stanza, which may have a frame around
// a page.
func unbounded(lim *muc.Limits, text string, frame int) string {
	most, page := lim.OutboundBytes, lim.PageBytes
	if most == 0 {
		most = 262144
	}
	if page == 0 {
		page = 65536
	}
	switch {
	case len(text) > most:
		return "too large"
	case strings.HasPrefix(text, "<iq") && strings.Count(text, "<item ") > 1 && len(text) > page+frame &&
		!strings.Contains(text, "type='error'"):
		return "a list is too large"
	}
	return ""
}
