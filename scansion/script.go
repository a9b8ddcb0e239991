package scansion

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/stanza"
)

// Script is a parsed .scs file. It is not changed by playing it, so it may be
// played many times.
type Script struct {
	// Name is the file's name as it was given to [Parse].
	Name string
	// Title is the header line `title`, or else the first line, if that is a plain
	// comment.
	Title string
	// Headers are the header lines in the order of the file.
	Headers []Header
	// Asks are the header lines `asks`: what the script asks of a service, the main
	// thing first.
	Asks []Mark
	// Clients are those of the [Client] blocks, in the order of the file; those of the
	// files that it includes come first.
	Clients []Client

	// mode is what the header line `match` asks for; nil without one.
	mode    *Mode
	actions []action
}

// Header is a comment `# name: value` at the top of the script's own file.
type Header struct {
	Name, Value string
	Line        int
}

// Client is somebody who takes part in a script.
type Client struct {
	Name string
	// JID is the full JID; a script that gives only a bare one gets the name in
	// lower case as the resource.
	JID      muc.JID
	Password string
}

// Header is the value of the first header line of that name, or "".
func (s *Script) Header(name string) string {
	for _, h := range s.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// HeaderAll is the values of all header lines of that name, in order.
func (s *Script) HeaderAll(name string) []string {
	var values []string
	for _, h := range s.Headers {
		if h.Name == name {
			values = append(values, h.Value)
		}
	}
	return values
}

// Mode is the mode that the file itself asks for, if it does.
func (s *Script) Mode() (mode Mode, ok bool) {
	if s.mode == nil {
		return Subset, false
	}
	return *s.mode, true
}

// SyntaxError is a script that cannot be played, and the line that is to blame.
type SyntaxError struct {
	File string
	Line int
	Msg  string
}

// Error is the file, the line and what is wrong there.
func (e *SyntaxError) Error() string {
	return strings.TrimPrefix(fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg), ":")
}

type verb int

const (
	verbConnects verb = iota
	verbDisconnects
	verbSends
	verbReceives
	verbReceivesNothing
	verbTimePasses
	verbHost
	verbAnswers
	verbRefuses
)

// action is one step of a script. Which fields are set depends on the verb.
type action struct {
	// file and line are where it stands, and includedAt is where the script includes
	// that file, if it is not the script's own.
	file       string
	line       int
	includedAt string
	// text is the action's own line.
	text string
	// comment is what stands above it.
	comment []string
	// asks are the marks above it, see [Mark].
	asks []Mark
	verb verb
	// client is an index into Script.Clients.
	client int
	// send is what is sent or answered; its attributes and texts may hold
	// references.
	send *etree.Element
	// expect is what shall be received; its attributes and texts are templates.
	expect *node
	pause  time.Duration
	// command and args are what the host does, in one room or, if that is
	// zero, in all.
	command string
	args    []xml.Attr
	room    muc.JID
	// archive says that the host answers with what the room told it, and byItself that a server
	// does so without being told.
	archive, byItself bool
	// condition is with what the host refuses.
	condition stanza.Condition
}
