package service_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gomuc/muc"
	"github.com/gomuc/muc/policy"
	"github.com/gomuc/muc/service"
	"github.com/gomuc/muc/stanza"
)

const (
	searchNS = "urn:xmpp:channel-search:0:search"
	byUsers  = "{urn:xmpp:channel-search:0:order}nusers"
	byPlace  = "{urn:xmpp:channel-search:0:order}address"
)

// searchFor is a search with pairs of fields and values, and what else stands in it.
func searchFor(set string, fields ...string) string {
	s := "<search xmlns='" + searchNS + "'>" + set + "<x xmlns='jabber:x:data' type='submit'>" +
		"<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:channel-search:0:search-params</value></field>"
	for i := 0; i < len(fields); i += 2 {
		s += "<field var='" + fields[i] + "'><value>" + fields[i+1] + "</value></field>"
	}
	return s + "</x></search>"
}

func rsmSet(inner string) string {
	return "<set xmlns='http://jabber.org/protocol/rsm'>" + inner + "</set>"
}

// found are the rooms in an answer, by their local parts.
func found(t *testing.T, el *etree.Element) []string {
	t.Helper()
	require.Equal(t, "result", el.SelectAttrValue("type", ""), text(el))
	rooms := []string{}
	for _, item := range el.FindElements("result/item") {
		local, domain, _ := strings.Cut(item.SelectAttrValue("address", ""), "@")
		assert.Equal(t, "chat.example", domain)
		rooms = append(rooms, local)
	}
	return rooms
}

// playhouse makes some rooms: crypt with two people, forest with one, the others empty, and
// one hidden.
func playhouse(h *host) {
	for room, c := range map[string]muc.RoomConfig{
		"balcony": {Name: "The balcony", Description: "Words about the moon", Lang: "en", Whois: muc.WhoisAnyone},
		"cellar":  {Name: "Wine & more", MembersOnly: true},
		"crypt":   {Description: "DIE GRÖSSE der Stille"},
		"forest":  {Name: "Arden", Password: "oak"},
		"plot":    {Name: "The moon is hidden", Hidden: true},
	} {
		h.lasting(room, func(conf *muc.RoomConfig) { *conf = c; conf.Persistent = true })
	}
	h.join(juliet, "crypt", "Juliet")
	h.join(tybalt, "crypt", "Tybalt")
	h.send(`<presence from='%s' to='forest@chat.example/Tybalt'><x xmlns='http://jabber.org/protocol/muc'><password>oak</password></x></presence>`, tybalt)
	h.join(romeo, "plot", "Romeo")
}

// rows: W1
func TestSearchForm(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.Room.Label = func(lang, field, label string) string { return lang + ":" + label }
		})
		assert.Contains(t, text(h.ask(juliet, "chat.example", info)), `<feature var="`+searchNS+`"/>`)
		h.send(`<iq type='get' id='q1' from='%s' to='chat.example' xml:lang='de'><search xmlns='%s'/></iq>`, juliet, searchNS)
		form := h.only(juliet).FindElement("search[@xmlns='" + searchNS + "']/x[@type='form']")
		require.NotNil(t, form)
		got := map[string]string{}
		for _, f := range form.SelectElements("field") {
			v := ""
			if el := f.SelectElement("value"); el != nil {
				v = el.Text()
			}
			got[f.SelectAttrValue("var", "")] = f.SelectAttrValue("type", "") + " " + v
		}
		assert.Equal(t, map[string]string{"FORM_TYPE": "hidden urn:xmpp:channel-search:0:search-params", "q": "text-single ", "all": "boolean 0",
			"sinname": "boolean 1", "sindescription": "boolean 1", "sinaddress": "boolean 1", "min_users": "text-single 0",
			"types": "list-multi xep-0045", "key": "list-single " + byUsers}, got)
		assert.Equal(t, "de:Search for", form.SelectElements("field")[1].SelectAttrValue("label", ""))
	})
}

// rows: W2, W4, W7
func TestSearch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		playhouse(h)
		type fields = []string
		for _, c := range []struct{ asked, want fields }{
			{fields{"all", "true"}, fields{"crypt", "forest", "balcony", "cellar"}},
			{fields{"all", "1", "key", byUsers}, fields{"crypt", "forest", "balcony", "cellar"}},
			{fields{"all", "1", "key", byPlace}, fields{"balcony", "cellar", "crypt", "forest"}},
			{fields{"all", "1", "q", "", "key", byPlace}, fields{"balcony", "cellar", "crypt", "forest"}},
			{fields{"all", "1", "min_users", "1"}, fields{"crypt", "forest"}},
			{fields{"all", "1", "min_users", "3"}, fields{}},
			{fields{"all", "1", "types", "xep-0369"}, fields{}},
			{fields{"all", "1", "types", "xep-0045", "{urn:example}colour", "red"}, fields{"crypt", "forest", "balcony", "cellar"}},
			{fields{"q", "moon"}, fields{"balcony"}},
			{fields{"q", "MOON"}, fields{"balcony"}},
			{fields{"q", "grösse"}, fields{"crypt"}},
			{fields{"q", "gro\u0308ße"}, fields{"crypt"}},
			{fields{"q", "moon balcony"}, fields{"balcony"}},
			{fields{"q", "moon cellar"}, fields{}},
			{fields{"q", "&quot;the moon&quot;"}, fields{"balcony"}},
			{fields{"q", "&quot;moon the&quot;"}, fields{}},
			{fields{"q", "moon", "sindescription", "false"}, fields{}},
			{fields{"q", "arden", "sinname", "0"}, fields{}},
			{fields{"q", "arden", "sindescription", "0", "sinaddress", "0"}, fields{"forest"}},
			{fields{"q", "fores"}, fields{"forest"}},
			{fields{"q", "fores", "sinaddress", "0"}, fields{}},
			{fields{"q", "fores", "sinaddr", "0"}, fields{}},
			{fields{"q", "forest@chat.example"}, fields{"forest"}},
			{fields{"q", "chat.example", "key", byPlace}, fields{"balcony", "cellar", "crypt", "forest"}},
			{fields{"q", "chat"}, fields{}}, // it would say nothing of a room
			{fields{"q", "hidden"}, fields{}},
			{fields{"q", "plot"}, fields{}},
		} {
			assert.Equal(t, c.want, found(t, h.ask(juliet, "chat.example", searchFor("", c.asked...))), "%v", c.asked)
		}
	})
}

// What is told of rooms.
//
// rows: W3
func TestSearchTells(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		playhouse(h)
		var items []string
		for _, item := range h.ask(juliet, "chat.example", searchFor("", "all", "1", "key", byPlace)).FindElements("result/item") {
			items = append(items, text(item))
		}
		const rest = `<service-type>xep-0045</service-type>`
		assert.Equal(t, []string{
			`<item address="balcony@chat.example"><name>The balcony</name><description>Words about the moon</description><language>en</language><nusers>0</nusers>` +
				rest + `<is-open>true</is-open><anonymity-mode>{urn:xmpp:channel-search:0:anonymity}none</anonymity-mode></item>`,
			`<item address="cellar@chat.example"><name>Wine &amp; more</name><nusers>0</nusers>` + rest + `<anonymity-mode>muc_semianonymous</anonymity-mode></item>`,
			`<item address="crypt@chat.example"><name>crypt</name><description>DIE GRÖSSE der Stille</description><nusers>2</nusers>` + rest +
				`<is-open>true</is-open><anonymity-mode>muc_semianonymous</anonymity-mode></item>`,
			`<item address="forest@chat.example"><name>Arden</name><nusers>1</nusers>` + rest + `<anonymity-mode>muc_semianonymous</anonymity-mode></item>`,
		}, items)
	})
}

// A search sees what has become of rooms: in memory, put aside and after a restart.
//
// rows: W7, W8
func TestSearchFollowsRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		playhouse(h)
		search := func(fields ...string) []string {
			t.Helper()
			return found(t, h.ask(juliet, "chat.example", searchFor("", fields...)))
		}
		h.leave(tybalt, "crypt", "Tybalt")
		h.join(tybalt, "balcony", "Tybalt")
		h.join(romeo, "balcony", "Romeo")
		assert.Equal(t, []string{"balcony", "crypt", "forest"}, search("all", "1", "min_users", "1"))
		_, err := h.do("balcony", muc.Configure{Change: func(c *muc.RoomConfig) { c.Description = "A ladder leads there" }})
		require.NoError(t, err)
		assert.Equal(t, []string{"balcony"}, search("q", "ladder"))
		assert.Empty(t, search("q", "moon"))
		assert.Equal(t, []string{"balcony", "crypt", "forest"}, search("all", "1", "min_users", "1"))
		_, err = h.do("crypt", muc.Configure{Change: func(c *muc.RoomConfig) { c.Hidden = true }})
		require.NoError(t, err)
		assert.Empty(t, search("q", "stille"))
		_, err = h.do("plot", muc.Configure{Change: func(c *muc.RoomConfig) { c.Hidden = false }})
		require.NoError(t, err)
		assert.Equal(t, []string{"plot"}, search("q", "moon", "min_users", "1"))
		_, err = h.do("forest", muc.Destroy{})
		require.NoError(t, err)
		assert.Equal(t, []string{"balcony", "cellar", "plot"}, search("all", "1", "key", byPlace))

		h.leave(tybalt, "balcony", "Tybalt")
		h.leave(romeo, "balcony", "Romeo")
		sleep(time.Hour)
		assert.Equal(t, []string{"balcony"}, search("q", "ladder"))
		h.stop()
		h.start()
		assert.Equal(t, []string{"balcony"}, search("q", "ladder"))
		assert.Empty(t, search("all", "1", "min_users", "1"))
		assert.Zero(t, h.counts().Rooms, "a search loads nothing")
	})
}

// What a store has lost of a room is known again when the room has been loaded.
func TestSearchOfOldStores(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		h.lasting("balcony", func(c *muc.RoomConfig) { c.Name, c.Description = "Up there", "Words about the moon" })
		h.stop()
		h.store.Store = forgetful{h.store.Store}
		h.start()
		assert.Empty(t, found(t, h.ask(juliet, "chat.example", searchFor("", "q", "moon"))))
		h.join(juliet, "balcony", "Juliet")
		assert.Equal(t, []string{"balcony"}, found(t, h.ask(juliet, "chat.example", searchFor("", "q", "moon", "min_users", "1"))))
	})
}

// forgetful is a store that keeps nothing of what is told of rooms.
type forgetful struct{ service.Store }

func (s forgetful) List(ctx context.Context, after muc.JID, limit int) ([]service.Entry, error) {
	list, err := s.Store.List(ctx, after, limit)
	for i := range list {
		list[i].About = service.About{}
	}
	return list, err
}

// A text that is too long is refused before it is looked at, which could take long.
//
// rows: W5
func TestLongTextIsNotRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, nil)
		el := h.ask(juliet, "chat.example", searchFor("", "q", strings.Repeat(".", 257)))
		assert.Contains(t, text(el), "There are at most 10 search terms, of 256 bytes together.")
	})
}

// rows: W5
func TestSearchRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) { h.config.SearchRate.Burst = 1000 })
		playhouse(h)
		for _, c := range []struct {
			query               string
			condition, typ, app string
		}{
			{searchFor("", "q", "moon", "key", "{urn:example}colour"), "feature-not-implemented", "modify", "invalid-sort-key"},
			{searchFor("", "q", ""), "bad-request", "modify", "invalid-search-terms"},
			{searchFor("", "q", " ... "), "bad-request", "modify", "invalid-search-terms"},
			{searchFor("", "q", "a b c d e f g h i j k"), "bad-request", "modify", "invalid-search-terms"},
			{searchFor("", "q", strings.Repeat("x", 257)), "bad-request", "modify", "invalid-search-terms"},
			{searchFor("", "q", "moon", "all", "true"), "bad-request", "modify", "conflicting-fields"},
			{searchFor("", "q", "moon", "sinname", "0", "sindescription", "0", "sinaddress", "0"), "bad-request", "modify", "conflicting-fields"},
			{searchFor(""), "bad-request", "cancel", "no-search-conditions"},
			{searchFor("", "all", "false"), "bad-request", "cancel", "no-search-conditions"},
			{searchFor("", "types", "xep-0045", "key", byPlace), "bad-request", "cancel", "no-search-conditions"},
			{"<search xmlns='" + searchNS + "'>" + rsmSet("") + "</search>", "bad-request", "cancel", "no-search-conditions"},
			{searchFor("", "all", "maybe"), "bad-request", "modify", ""},
			{searchFor("", "all", "1", "min_users", "few"), "bad-request", "modify", ""},
			{searchFor(rsmSet("<max>few</max>"), "all", "1"), "bad-request", "modify", ""},
			{searchFor(rsmSet("<after>nowhere</after>"), "all", "1"), "item-not-found", "cancel", ""},
			{strings.Replace(searchFor("", "all", "1"), "search-params", "other", 1), "bad-request", "modify", ""},
			{searchFor("", "q", strings.Repeat("x", 70000)), "policy-violation", "modify", ""},
		} {
			el := h.ask(juliet, "chat.example", c.query)
			refused(t, el, c.condition, c.typ)
			app := ""
			for _, child := range el.SelectElement("error").ChildElements() {
				if child.NamespaceURI() == "urn:xmpp:channel-search:0:error" {
					app = child.Tag
				}
			}
			assert.Equal(t, c.app, app, text(el))
		}
	})
}

// Page by page, in either direction, each room is found once, in its place, also when
// people come and go meanwhile.
//
// rows: W6
func TestSearchPages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.SearchRate.Burst = 1000
			h.config.Limits.Page = 7
			h.config.Limits.PageBytes = 2000
		})
		for i := range 30 {
			h.lasting(fmt.Sprintf("room%02d", i))
			for j := range i % 4 {
				h.join(fmt.Sprintf("person%d@example.org/pda", j), fmt.Sprintf("room%02d", i), fmt.Sprint(j))
			}
		}
		for _, key := range []string{byUsers, byPlace} {
			whole := map[string][]string{}
			for _, way := range []string{"after", "before"} {
				set := "<max>4</max>"
				if way == "before" {
					set += "<before/>"
				}
				for {
					el := h.ask(juliet, "chat.example", searchFor(rsmSet(set), "all", "1", "key", key))
					rooms := found(t, el)
					assert.LessOrEqual(t, len(rooms), 4)
					rsm := el.FindElement("result/set")
					require.NotNil(t, rsm)
					assert.Equal(t, "30", rsm.SelectElement("count").Text())
					if len(rooms) == 0 {
						break
					}
					if way == "after" {
						whole[way] = append(whole[way], rooms...)
						set = "<max>4</max><after>" + rsm.SelectElement("last").Text() + "</after>"
					} else {
						whole[way] = append(slices.Clone(rooms), whole[way]...)
						set = "<max>4</max><before>" + rsm.SelectElement("first").Text() + "</before>"
					}
				}
			}
			assert.Len(t, whole["after"], 30)
			assert.Equal(t, whole["after"], whole["before"])
			at := found(t, h.ask(juliet, "chat.example", searchFor(rsmSet("<max>2</max><index>11</index>"), "all", "1", "key", key)))
			assert.Equal(t, whole["after"][11:13], at)
		}
		el := h.ask(juliet, "chat.example", searchFor("", "all", "1"))
		assert.Len(t, found(t, el), 5, "as many as fit")
		assert.NotNil(t, el.FindElement("result/set/last"))
		assert.Less(t, len(text(el)), 2500)

		last := h.ask(juliet, "chat.example", searchFor(rsmSet("<max>3</max>"), "all", "1")).FindElement("result/set/last").Text()
		h.leave("person0@example.org/pda", last[len("3 "):strings.Index(last, "@")], "0")
		next := found(t, h.ask(juliet, "chat.example", searchFor(rsmSet("<max>1</max><after>"+last+"</after>"), "all", "1")))
		assert.Equal(t, []string{"room15"}, next, "the place of a room that has moved is where it was")
	})
}

// What the host lets nobody discover is not found either.
//
// rows: W7
func TestSearchAndPolicies(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked []policy.Discover
		h := newHost(t, func(h *host) {
			h.config.Room.Policy.Discover = func(q policy.Discover) *muc.StanzaError {
				if q.Config.Name == "Arden" && q.JID == muc.MustParseJID(tybalt) {
					panic("a policy with a fault")
				}
				asked = append(asked, q)
				if q.JID == muc.MustParseJID(juliet) && q.Config.MembersOnly {
					return &muc.StanzaError{Condition: stanza.Forbidden}
				}
				return nil
			}
		})
		playhouse(h)
		assert.Equal(t, []string{"balcony", "crypt", "forest"}, found(t, h.ask(juliet, "chat.example", searchFor("", "all", "1", "key", byPlace))))
		assert.Equal(t, policy.Discover{Room: at("balcony"), JID: muc.MustParseJID(juliet),
			Config: muc.RoomConfig{Name: "The balcony", Description: "Words about the moon", Lang: "en", Whois: muc.WhoisAnyone}}, asked[0])
		assert.Equal(t, []string{"cellar"}, found(t, h.ask(romeo, "chat.example", searchFor("", "q", "cellar"))))
		refused(t, h.ask(tybalt, "chat.example", searchFor("", "all", "1")), "internal-server-error", "wait")
		assert.Equal(t, []string{"cellar"}, found(t, h.ask(romeo, "chat.example", searchFor("", "q", "cellar"))), "others go on")
	})
}

// One person searches so often and no more, with all clients together.
//
// rows: W9
func TestSearchRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHost(t, func(h *host) {
			h.config.SearchRate = muc.Rate{Burst: 3, Every: 10 * time.Second}
			h.config.Limits.Searchers = 2
		})
		query := searchFor("", "all", "1")
		for i := range 3 {
			found(t, h.ask(fmt.Sprint("juliet@example.org/", i), "chat.example", query))
		}
		late := func(el *etree.Element, seconds string) {
			t.Helper()
			refused(t, el, "resource-constraint", "wait")
			limit := el.FindElement("error/rate-limit[@xmlns='urn:xmpp:channel-search:0:error']")
			require.NotNil(t, limit, text(el))
			assert.Equal(t, seconds, limit.SelectAttrValue("retry-after", ""))
		}
		late(h.ask(juliet, "chat.example", query), "10")
		found(t, h.ask(romeo, "chat.example", query))
		late(h.ask(tybalt, "chat.example", query), "1") // there are too many people who search
		sleep(9500 * time.Millisecond)
		late(h.ask(juliet, "chat.example", query), "1")
		sleep(500 * time.Millisecond)
		found(t, h.ask(juliet, "chat.example", query))
		late(h.ask(juliet, "chat.example", query), "10")
		sleep(time.Second)
		found(t, h.ask(tybalt, "chat.example", query))
		refused(t, h.ask(juliet, "chat.example", searchFor("", "q", "")), "bad-request", "modify")
		assert.NotNil(t, h.ask(juliet, "chat.example", "<search xmlns='"+searchNS+"'/>").FindElement("search/x"), "the form is free")
	})
}

// So many searches wait and no more, of one person and of all, and none of them has others
// wait who do not search.
//
// rows: W9
func TestSearchesWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		goOn := make(chan struct{})
		h := newHost(t, func(h *host) {
			h.config.Limits.PersonSearches, h.config.Limits.Searches = 2, 3
			h.config.Room.Policy.Discover = func(policy.Discover) *muc.StanzaError { <-goOn; return nil }
		})
		h.lasting("cellar")
		query := "<iq type='get' id='q1' from='%s' to='chat.example'>" + searchFor("", "all", "1") + "</iq>"
		for range 4 { // one is under way
			h.send(query, juliet)
		}
		refused(t, h.only(juliet), "resource-constraint", "wait")
		h.send(query, romeo)
		assert.Empty(t, h.got(romeo))
		h.send(query, tybalt)
		refused(t, h.only(tybalt), "resource-constraint", "wait")
		h.ask(tybalt, "chat.example", "<ping xmlns='urn:xmpp:ping'/>")
		close(goOn)
		sleep(0)
		assert.Len(t, h.got(juliet), 3)
		assert.Len(t, h.got(romeo), 1)
		found(t, h.ask(juliet, "chat.example", searchFor("", "all", "1")))
	})
}

func TestBadSearchRate(t *testing.T) {
	for _, rate := range []muc.Rate{{Burst: -1}, {Every: -1}, {Every: 25 * time.Hour}} {
		_, err := service.New(t.Context(), service.Config{Domain: "chat.example", Store: new(service.Memory),
			Deliver: (&host{}).deliver, Room: muc.Config{Secret: secret}, SearchRate: rate})
		require.ErrorIs(t, err, service.ErrConfig)
	}
}
