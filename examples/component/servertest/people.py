"""What people owe to each other: invitations and their answers, goodbyes, and words
that are taken back."""

import xml.etree.ElementTree as ET

from client import JID, USER, Client, body, codes, condition, room
from servers import DOMAIN, ROOMS

CONFERENCE = "{jabber:x:conference}"
RETRACT = "{urn:xmpp:message-retract:1}"
RESULT = "{urn:xmpp:mam:2}result"


async def people(world):
    juliet, romeo, tybalt = [await Client(n, world.server.clients).online() for n in ("juliet", "romeo", "tybalt")]
    await stable_ids(romeo)
    await leaving_unconfigured(juliet)
    await juliet.enters("balcony")
    await juliet.asks("set", room("balcony"), "<query xmlns='http://jabber.org/protocol/muc#owner'>"
                      "<x xmlns='jabber:x:data' type='submit'/></query>")
    await declining(juliet, romeo, tybalt)
    await taking_back(juliet, romeo, tybalt)
    for c in (juliet, romeo, tybalt):
        await c.offline()


async def stable_ids(romeo):
    info = await romeo.asks("get", ROOMS, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    features = [f.get("var") for f in info.iter("{http://jabber.org/protocol/disco#info}feature")]
    assert "http://jabber.org/protocol/muc#stable_id" in features, features


async def leaving_unconfigured(juliet):
    """First she is out, and then the room is no more (XEP-0045 §7.14, §10.1.3)."""
    joined = await juliet.enters("attic")
    assert 201 in joined.codes, joined.codes
    since = len(juliet.got)
    p = juliet.make_presence(pto=room("attic") + "/Juliet", ptype="unavailable")
    p["id"] = "out1"
    p.send()
    await juliet.gets("the end of the room", lambda x: x.find(f".//{USER}destroy") is not None, since)
    goodbye, end = [x for x in juliet.got[since:] if x.get("type") == "unavailable"]
    assert goodbye.get("from") == room("attic") + "/Juliet" and goodbye.get("id") == "out1", goodbye.attrib
    assert 110 in codes(goodbye) and goodbye.find(f".//{USER}destroy") is None, ET.tostring(goodbye)
    assert end.get("from") == room("attic") and not codes(end), ET.tostring(end)


async def declining(juliet, romeo, tybalt):
    """Juliet hears of it, whatever address Romeo has for her."""
    for to in (room("balcony") + "/Juliet", room("balcony"), "juliet@" + DOMAIN, str(juliet.boundjid), "nurse@" + DOMAIN, ""):
        heard, seen = len(juliet.got), len(romeo.got)
        juliet["xep_0045"].invite(JID(room("balcony")), JID("romeo@" + DOMAIN), "come up")
        invited = await romeo.gets("the invitation", lambda x: x.find(f".//{USER}invite") is not None, seen)
        assert body(invited) == f"Juliet invites you to the chat room {room('balcony')}: come up", body(invited)
        direct = invited.find(CONFERENCE + "x")
        assert direct is not None and direct.get("jid") == room("balcony"), ET.tostring(invited)
        decline(romeo, to, "d" + to)
        got = await juliet.gets(f"the answer by way of {to!r}", lambda x: x.find(f".//{USER}decline") is not None, heard)
        assert got.find(f".//{USER}decline").get("from") == "romeo@" + DOMAIN, ET.tostring(got)
    heard = len(juliet.got)
    for who in (romeo, tybalt):  # who has no invitation, by now or at all
        for to in (room("balcony") + "/Juliet", "juliet@" + DOMAIN, ""):
            seen = len(who.got)
            decline(who, to, "none" + to)
            error = await who.gets("a refusal", lambda x: x.get("id") == "none" + to and x.get("type") == "error", seen)
            assert condition(error) == "forbidden", condition(error)
    assert not [x for x in juliet.got[heard:] if x.find(f".//{USER}decline") is not None], "a decline of nothing"


def decline(client, to, ident):
    m = client.make_message(room("balcony"))
    m["id"] = ident
    x = ET.SubElement(m.xml, USER + "x")
    ET.SubElement(x, USER + "decline", {"to": to} if to else {})
    m.send()


async def taking_back(juliet, romeo, tybalt):
    """Neither the past nor the archive shows what its author took back (XEP-0424)."""
    await romeo.enters("balcony")
    for ident, text in (("m1", "by its id"), ("m2", "by its origin-id"), ("m3", "said for good")):
        m = juliet.make_message(room("balcony"), mtype="groupchat", mbody=text)
        m["id"] = ident
        ET.SubElement(m.xml, "{urn:xmpp:sid:0}origin-id", id="origin-" + ident)
        m.send()
        await romeo.hears(text)
    for who, ident in ((juliet, "m1"), (juliet, "origin-m2"), (romeo, "m3")):
        seen = len(romeo.got)
        m = who.make_message(room("balcony"), mtype="groupchat", mbody="took it back: " + ident)
        ET.SubElement(m.xml, RETRACT + "retract", id=ident)
        m.send()
        await romeo.hears("took it back: " + ident, seen)
    joined = await tybalt.enters("balcony")
    assert joined.history == ["said for good", "took it back: m1", "took it back: origin-m2", "took it back: m3"], joined.history
    seen = len(tybalt.got)
    await tybalt.asks("set", room("balcony"), "<query xmlns='urn:xmpp:mam:2'/>")
    found = [x for x in tybalt.got[seen:] if x.find(RESULT) is not None]
    texts = [x.findtext(".//{jabber:client}body") for x in found]
    assert [t for t in texts if t] == joined.history, texts
    assert sum(x.find(f".//{RETRACT}retracted") is not None for x in found) == 2, "two tombstones"
