package luadata

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// List splits a list of Prosody's into its items. An item begins where a line begins with
// `item(` and the line before it ends one, which no text in an item looks like: in those, ends of
// lines are escaped.
type List struct {
	r    *bufio.Reader
	most int
	item []byte
	next []byte // the beginning of the next item, which has been read already
	at   int64  // where that stands
	last []byte // the end of what was read: the last bytes, as many as in itemEnd
}

// NewList begins to read a list, of which no item is larger than most bytes.
func NewList(r io.Reader, most int) *List {
	return &List{r: bufio.NewReaderSize(r, 64<<10), most: most, last: []byte(itemEnd)}
}

const itemBegin, itemEnd = "item(", ");\n"

// ErrTooLarge is the error for an item that is larger than allowed. The next call goes on
// behind it.
var ErrTooLarge = errors.New("it is too large")

// Next is where the next item stands, and its source, which is good until the next call.
// The error is io.EOF at the end, [ErrTooLarge], or the reader's.
func (l *List) Next() (at int64, source []byte, err error) {
	at = l.at
	l.item = append(l.item[:0], l.next...)
	size := len(l.next)
	l.next = l.next[:0]
	for err == nil {
		var part []byte
		part, err = l.r.ReadSlice('\n')
		begins := string(l.last) == itemEnd && bytes.HasPrefix(part, []byte(itemBegin))
		l.last = append(l.last, part...)
		l.last = append(l.last[:0], l.last[max(0, len(l.last)-len(itemEnd)):]...)
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
		}
		if begins && size > 0 {
			l.next = append(l.next, part...)
			break
		}
		if size += len(part); size <= l.most {
			l.item = append(l.item, part...)
		}
	}
	l.at = at + int64(size)
	switch {
	case err != nil && (size == 0 || !errors.Is(err, io.EOF)):
		return at, nil, err
	case size > l.most:
		return at, nil, ErrTooLarge
	}
	return at, l.item, nil
}
