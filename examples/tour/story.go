package main

// The people of the evening, by the addresses of their clients.
const (
	romeo  = "romeo@montague.example/orchard"
	juliet = "juliet@capulet.example/balcony"
	tybalt = "tybalt@capulet.example/square"
)

// scene is one stanza that comes in, and what to know about it.
type scene struct {
	title  string
	remark string
	from   string
	sends  string
}

var story = []scene{
	{
		title: "Romeo makes a room",
		remark: "There is no room of that name yet. Who enters it first creates and owns it," +
			" and nobody else gets in before he has configured it.",
		from: romeo,
		sends: `<presence to='cellar@chat.example/Romeo'>
				<x xmlns='http://jabber.org/protocol/muc'/>
			</presence>`,
	}, {
		title:  "Romeo configures it",
		remark: "A name, a password, and it is to outlive its last visitor. This opens it.",
		from:   romeo,
		sends: `<iq to='cellar@chat.example' type='set' id='config-1'>
				<query xmlns='http://jabber.org/protocol/muc#owner'>
					<x xmlns='jabber:x:data' type='submit'>
						<field var='FORM_TYPE'>
							<value>http://jabber.org/protocol/muc#roomconfig</value>
						</field>
						<field var='muc#roomconfig_roomname'>
							<value>The wine cellar</value>
						</field>
						<field var='muc#roomconfig_persistentroom'>
							<value>1</value>
						</field>
						<field var='muc#roomconfig_roomsecret'>
							<value>wherefore</value>
						</field>
					</x>
				</query>
			</iq>`,
	}, {
		title:  "Juliet does not know the password",
		remark: "A refusal is an error to her alone. Nothing has changed, so nothing is stored.",
		from:   juliet,
		sends: `<presence to='cellar@chat.example/Juliet'>
				<x xmlns='http://jabber.org/protocol/muc'>
					<password>therefore</password>
				</x>
			</presence>`,
	}, {
		title: "Juliet enters",
		remark: "She learns who is here, then that she is inside, then the subject (there is none)." +
			" Romeo is a moderator: he alone sees her address.",
		from: juliet,
		sends: `<presence to='cellar@chat.example/Juliet'>
				<x xmlns='http://jabber.org/protocol/muc'>
					<password>wherefore</password>
				</x>
			</presence>`,
	}, {
		title:  "Tybalt wants a nick that is taken",
		remark: "Nicks are compared as people read them: JULIET is Juliet.",
		from:   tybalt,
		sends: `<presence to='cellar@chat.example/JULIET'>
				<x xmlns='http://jabber.org/protocol/muc'>
					<password>wherefore</password>
				</x>
			</presence>`,
	}, {
		title:  "Tybalt enters under his own name",
		remark: "Three inside now.",
		from:   tybalt,
		sends: `<presence to='cellar@chat.example/Tybalt'>
				<x xmlns='http://jabber.org/protocol/muc'>
					<password>wherefore</password>
				</x>
			</presence>`,
	}, {
		title: "Juliet speaks",
		remark: "One payload and two lists of addresses, however many are listening." +
			" What the room does not understand passes through; the ids are the room's.",
		from: juliet,
		sends: `<message to='cellar@chat.example' type='groupchat' id='m-1'>
				<body>O Romeo, Romeo!</body>
				<active xmlns='http://jabber.org/protocol/chatstates'/>
			</message>`,
	}, {
		title: "Romeo bans Tybalt",
		remark: "First the one concerned learns it, then the others, then Romeo gets his answer." +
			" Each sees of Tybalt's address what he may see.",
		from: romeo,
		sends: `<iq to='cellar@chat.example' type='set' id='ban-1'>
				<query xmlns='http://jabber.org/protocol/muc#admin'>
					<item affiliation='outcast' jid='tybalt@capulet.example'>
						<reason>A plague on both our houses</reason>
					</item>
				</query>
			</iq>`,
	},
}
