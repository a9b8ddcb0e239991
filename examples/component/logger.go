package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"github.com/gomuc/muc"
)

// logger logs as the settings say.
func logger(s settings, level *slog.LevelVar, w io.Writer) *slog.Logger {
	level.Set(s.level)
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if s.json {
		h = slog.NewJSONHandler(w, o)
	}
	if !s.logAddresses {
		h = anonymous{h, s.domain}
	}
	return slog.New(h)
}

// anonymous is a log in which people have no addresses, but those of their servers, and no
// nicks. It looks at all that is logged, so that nobody who logs something has to think of
// it. At debug it changes nothing.
type anonymous struct {
	slog.Handler
	domain string // of the rooms, whose addresses stay
}

// Handle logs a line.
func (a anonymous) Handle(ctx context.Context, r slog.Record) error {
	if r.Level > slog.LevelDebug {
		clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
		r.Attrs(func(attr slog.Attr) bool {
			clean.AddAttrs(a.attr(attr))
			return true
		})
		r = clean
	}
	return a.Handler.Handle(ctx, r)
}

// WithAttrs is a log with attributes in each line.
func (a anonymous) WithAttrs(attrs []slog.Attr) slog.Handler {
	for i := range attrs {
		attrs[i] = a.attr(attrs[i])
	}
	return anonymous{a.Handler.WithAttrs(attrs), a.domain}
}

// WithGroup is a log with attributes in a group.
func (a anonymous) WithGroup(name string) slog.Handler {
	return anonymous{a.Handler.WithGroup(name), a.domain}
}

func (a anonymous) attr(attr slog.Attr) slog.Attr {
	switch attr.Value = attr.Value.Resolve(); attr.Value.Kind() {
	case slog.KindString, slog.KindAny:
		if text := fmt.Sprint(attr.Value.Any()); strings.Contains(text, "@") {
			attr.Value = slog.StringValue(a.text(text))
		}
	case slog.KindGroup:
		var group []slog.Attr
		for _, member := range attr.Value.Group() {
			group = append(group, a.attr(member))
		}
		attr.Value = slog.GroupValue(group...)
	}
	return attr
}

// addresses are those in a longer text: no localpart has one of the characters that end it.
var addresses = regexp.MustCompile(`[^\s"&'/:<>@]+@[^\s"'<>@/:]+(/\S*)?`)

// versions are of modules, in the stack of a panic.
var versions = regexp.MustCompile(`@v\d+\.\d+\.\d+`)

// text is a text without addresses of people.
func (a anonymous) text(text string) string {
	if jid, err := muc.ParseJID(text); err == nil {
		return a.address(jid.Bare().String())
	}
	return addresses.ReplaceAllStringFunc(text, func(found string) string {
		if versions.MatchString(found) {
			return found
		}
		bare, _, _ := strings.Cut(found, "/")
		return a.address(bare)
	})
}

// address is a bare address: a room's, or the domain of somebody's.
func (a anonymous) address(bare string) string {
	_, domain, _ := strings.Cut(bare, "@")
	if strings.TrimRight(domain, ".,;)]") == a.domain {
		return bare
	}
	return "*@" + domain
}
