package scansion_test

import (
	"errors"
	"fmt"

	"github.com/gomuc/muc/scansion"
)

// A script can be played without a test around it. This one is wrong: who
// creates a room becomes its owner.
func ExamplePlay() {
	script, err := scansion.Parse("creator.scs", []byte(`# Who creates a room
[Client] Romeo
	jid: romeo@example.org
-----
Romeo connects

Romeo sends:
	<presence to='cellar@chat.example.org/Romeo'>
		<x xmlns='http://jabber.org/protocol/muc'/>
	</presence>

Romeo receives:
	<presence from='cellar@chat.example.org/Romeo'>
		<x xmlns='http://jabber.org/protocol/muc#user'>
			<item affiliation='member'/>
		</x>
	</presence>
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	var failure *scansion.Failure
	if err := scansion.Play(script, scansion.Options{}); errors.As(err, &failure) {
		fmt.Printf("%s:%d: %s\n", failure.File, failure.Line, failure.Action)
		fmt.Println(failure.Differences)
	}
	// Output:
	// creator.scs:12: Romeo receives:
	// [presence/x/item: attribute affiliation: expected 'member', got 'owner']
}
