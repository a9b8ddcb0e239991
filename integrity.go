package muc

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// What a store gives back may be damaged or forged. A room must not come to life
// with it and fall over later, so every text in it is checked before it is
// believed: here for what any text must be, in apply*.go for what it means.

// lastTime is the latest that a room knows: later than anybody's clock, and early
// enough that all that is added to it can still be written down.
var lastTime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// xmlFields are the JSON fields whose text is XML.
var xmlFields = []string{"=payload", "=archive"}

// checkStored checks all the texts in well-formed JSON: that they can stand in XML, and that
// payloads are what the door has made.
func checkStored(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	type frame struct {
		object bool
		key    string // of the value that comes next; empty where a key comes
	}
	stack := []frame{{}}
	for {
		token, err := d.Token()
		if err != nil {
			return nil // the end: that it is JSON is known
		}
		top := &stack[len(stack)-1]
		if delim, ok := token.(json.Delim); ok {
			switch delim {
			case '{', '[':
				top.key = ""
				stack = append(stack, frame{object: delim == '{'})
			default:
				stack = stack[:len(stack)-1]
			}
			continue
		}
		text, _ := token.(string)
		if !validText(text) {
			return badEvent("a text that no stanza can hold")
		}
		if top.object && top.key == "" {
			top.key = "=" + text // never empty
			continue
		}
		if slices.Contains(xmlFields, top.key) && !isCanonical(text) {
			return badEvent("a payload that is not canonical XML")
		}
		top.key = ""
	}
}
