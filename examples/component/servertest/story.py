"""An evening of three users, through all that a room has for them."""

from client import JID, MUC, USER, Client, body, codes, condition, refused, room
from servers import ROOMS


async def story(world):
    juliet, romeo, tybalt = [await Client(n, world.server.clients).online() for n in ("juliet", "romeo", "tybalt")]
    people = (juliet, romeo, tybalt)
    await creation(juliet)
    await discovery(romeo)
    await search(romeo)
    await chat(juliet, romeo)
    await history(tybalt)
    await privacy(juliet, romeo, tybalt)
    await archive(tybalt)
    await voice(juliet, tybalt)
    await kick_and_ban(juliet, romeo, tybalt)
    await registration(juliet, romeo)
    await invitation(juliet, tybalt)
    await self_ping(romeo, tybalt)
    await too_large(romeo)
    await destruction(juliet, romeo)
    for c in people:
        await c.offline()


async def creation(juliet):
    joined = await juliet.enters("cellar")
    assert joined.codes == [110, 170, 201], joined.codes
    muc = juliet["xep_0045"]
    form = await muc.get_room_config(JID(room("cellar")))
    form.set_values({"muc#roomconfig_roomname": "The wine cellar", "muc#roomconfig_persistentroom": True,
                     "muc#roomconfig_publicroom": True, "muc#roomconfig_changesubject": False,
                     "muc#roomconfig_moderatedroom": False})
    form["type"] = "submit"
    await muc.set_room_config(JID(room("cellar")), form)
    muc.set_subject(JID(room("cellar")), "Wherefore?")
    await juliet.gets("the subject", lambda x: x.findtext("{jabber:client}subject") == "Wherefore?")


async def discovery(romeo):
    info = await romeo.asks("get", ROOMS, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    features = [f.get("var") for f in info.iter("{http://jabber.org/protocol/disco#info}feature")]
    assert MUC in features, features
    items = await romeo.asks("get", ROOMS, "<query xmlns='http://jabber.org/protocol/disco#items'/>")
    found = {i.get("jid"): i.get("name") for i in items.iter("{http://jabber.org/protocol/disco#items}item")}
    assert found[room("cellar")] == "The wine cellar", found
    await refused(romeo.asks("get", room("nowhere"), "<query xmlns='http://jabber.org/protocol/disco#info'/>"),
                  "item-not-found")


async def search(romeo):
    """Public rooms are found by what they are called (XEP-0433)."""
    ns, form = "urn:xmpp:channel-search:0:search", "<x xmlns='jabber:x:data' type='submit'>{}</x>"
    field = "<field var='{}'><value>{}</value></field>".format
    found = lambda r: {i.get("address"): i.findtext(f"{{{ns}}}nusers") for i in r.iter(f"{{{ns}}}item")}
    asks = lambda *fields: romeo.asks("get", ROOMS, f"<search xmlns='{ns}'>" + form.format("".join(fields)) + "</search>")
    assert found(await asks(field("q", "WINE"))) == {room("cellar"): "1"}
    assert found(await asks(field("q", "wine"), field("sinname", "false"))) == {}
    assert room("cellar") in found(await asks(field("all", "true"), field("key", "{urn:xmpp:channel-search:0:order}address")))
    await refused(asks(field("q", "...")), "bad-request")


async def chat(juliet, romeo):
    joined = await romeo.enters("cellar")
    assert joined.occupants == ["Juliet"], joined.occupants
    assert joined.subject == "Wherefore?", joined.subject
    await juliet.gets("Romeo's presence", lambda x: x.get("from") == room("cellar") + "/Romeo")
    for i in range(20):
        (romeo, juliet)[i % 2].says("cellar", f"line {i} <&> ü 🍷")
        for c in (romeo, juliet):
            await c.hears(f"line {i} <&> ü 🍷")
    for c in (romeo, juliet):
        lines = [b for b in map(body, c.got) if b and b.startswith("line")]
        assert lines == [f"line {i} <&> ü 🍷" for i in range(20)], lines


async def history(tybalt):
    joined = await tybalt.enters("cellar", maxstanzas=5)
    assert joined.history == [f"line {i} <&> ü 🍷" for i in range(15, 20)], joined.history


async def archive(tybalt):
    """What was said can be asked for, page by page (XEP-0313)."""
    mam, found, after = "{urn:xmpp:mam:2}", [], ""
    for _ in range(10):
        since = len(tybalt.got)
        fin = await tybalt.asks("set", room("cellar"), "<query xmlns='urn:xmpp:mam:2'>"
                                f"<set xmlns='http://jabber.org/protocol/rsm'><max>8</max>{after}</set></query>")
        found += [x.findtext(".//{jabber:client}body") for x in tybalt.got[since:] if x.find(mam + "result") is not None]
        if fin.find(mam + "fin").get("complete") == "true":
            break
        last = fin.findtext(".//{http://jabber.org/protocol/rsm}last")
        after = f"<after>{last}</after>"
    lines = [text for text in found if text]
    assert lines == [f"line {i} <&> ü 🍷" for i in range(20)] + ["aloud"], lines


async def privacy(juliet, romeo, tybalt):
    seen = len(tybalt.got)
    romeo.send_message(room("cellar") + "/Juliet", "psst", mtype="chat")
    got = await juliet.hears("psst")
    assert got.get("type") == "chat" and got.get("from") == room("cellar") + "/Romeo", got.attrib
    romeo.says("cellar", "aloud")
    await tybalt.hears("aloud", seen)
    assert "psst" not in map(body, tybalt.got)


async def voice(juliet, tybalt):
    muc, seen = juliet["xep_0045"], len(tybalt.got)
    await muc.set_role(JID(room("cellar")), "Tybalt", "visitor")
    await tybalt.gets("the loss of voice", lambda x: x.find(f".//{USER}item[@role='visitor']") is not None, seen)
    form = await muc.get_room_config(JID(room("cellar")))
    form.set_values({"muc#roomconfig_moderatedroom": True})
    form["type"] = "submit"
    await muc.set_room_config(JID(room("cellar")), form)
    tybalt.says("cellar", "a plague", ident="plague")
    error = await tybalt.gets("a refusal", lambda x: x.get("id") == "plague" and x.get("type") == "error", seen)
    assert condition(error) == "forbidden", condition(error)
    await muc.set_role(JID(room("cellar")), "Tybalt", "participant")
    await tybalt.gets("voice", lambda x: x.find(f".//{USER}item[@role='participant']") is not None, seen)
    tybalt.says("cellar", "good evening")
    await juliet.hears("good evening")


async def kick_and_ban(juliet, romeo, tybalt):
    muc, seen = juliet["xep_0045"], len(tybalt.got)
    await refused(romeo["xep_0045"].set_role(JID(room("cellar")), "Tybalt", "none"), "forbidden")
    await muc.set_role(JID(room("cellar")), "Tybalt", "none", reason="duel")
    await tybalt.gets("the kick", lambda x: 307 in codes(x) and 110 in codes(x), seen)
    await tybalt.enters("cellar")
    seen = len(romeo.got)
    await muc.set_affiliation(JID(room("cellar")), "outcast", jid=JID("tybalt@localhost"))
    await tybalt.gets("the ban", lambda x: 301 in codes(x) and 110 in codes(x))
    await romeo.gets("the ban", lambda x: 301 in codes(x) and 110 not in codes(x), seen)
    await refused(tybalt.enters("cellar"), "forbidden")
    banned = await muc.get_affiliation_list(JID(room("cellar")), "outcast")
    assert [str(i) for i in banned] == ["tybalt@localhost"], banned


async def registration(juliet, romeo):
    form = await romeo.asks("get", room("cellar"), "<query xmlns='jabber:iq:register'/>")
    fields = [f.get("var") for f in form.iter("{jabber:x:data}field")]
    assert "muc#register_roomnick" in fields, fields
    await romeo.asks("set", room("cellar"), "<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>"
                     "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>"
                     "<field var='muc#register_roomnick'><value>Romeo</value></field></x></query>")
    members = await juliet["xep_0045"].get_affiliation_list(JID(room("cellar")), "member")
    assert [str(i) for i in members] == ["romeo@localhost"], members
    await juliet["xep_0045"].set_affiliation(JID(room("cellar")), "admin", jid=JID("romeo@localhost"))


async def invitation(juliet, tybalt):
    muc = juliet["xep_0045"]
    await muc.set_affiliation(JID(room("cellar")), "none", jid=JID("tybalt@localhost"))
    muc.invite(JID(room("cellar")), JID("tybalt@localhost"), "peace")
    got = await tybalt.gets("the invitation", lambda x: x.find(f".//{USER}invite") is not None)
    assert got.findtext(f".//{USER}reason") == "peace", got.attrib
    inviter = got.find(f".//{USER}invite").get("from")
    tybalt["xep_0045"].decline(JID(room("cellar")), JID(inviter), "never")
    got = await juliet.gets("the answer", lambda x: x.find(f".//{USER}decline") is not None)
    assert got.findtext(f".//{USER}reason") == "never", got.attrib


async def self_ping(romeo, tybalt):
    """Whether one is still inside (XEP-0410)."""
    await romeo["xep_0199"].ping(JID(room("cellar") + "/Romeo"), timeout=120)
    await refused(tybalt["xep_0199"].send_ping(JID(room("cellar") + "/Tybalt"), timeout=120), "not-acceptable")


async def too_large(romeo):
    """A stanza that is too large is refused, and the next one is heard."""
    romeo.says("cellar", "x" * 100_000, ident="large")
    error = await romeo.gets("a refusal", lambda x: x.get("id") == "large" and x.get("type") == "error")
    assert condition(error) == "policy-violation", condition(error)
    romeo.says("cellar", "short")
    await romeo.hears("short")


async def destruction(juliet, romeo):
    seen = len(romeo.got)
    await juliet["xep_0045"].destroy(JID(room("cellar")), "closing time")
    gone = await romeo.gets("the end", lambda x: x.find(f".//{USER}destroy") is not None, seen)
    assert gone.get("type") == "unavailable", gone.attrib
    items = await romeo.asks("get", ROOMS, "<query xmlns='http://jabber.org/protocol/disco#items'/>")
    assert not list(items.iter("{http://jabber.org/protocol/disco#items}item")), "the room is still listed"
