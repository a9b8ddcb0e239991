"""What clients offer where a room says it can: avatars, hats, moderation, slow mode, and the search
for rooms; by slixmpp's plugins where it has them."""

import base64
import hashlib
import xml.etree.ElementTree as ET

from client import DATA, JID, MUC, PLUGINS, Client, body, codes, condition, refused, room
from servers import DOMAIN, ROOMS

NAME = "gallery"
INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
VCARD = "{vcard-temp}"
MODERATE = "{urn:xmpp:message-moderate:1}"
OLD_MODERATE = "{urn:xmpp:message-moderate:0}"
RETRACT = "{urn:xmpp:message-retract:1}"
RESULT = "{urn:xmpp:mam:2}result"
SID = "{urn:xmpp:sid:0}stanza-id"
HATS = "{urn:xmpp:hats:0}"
SEARCH = "urn:xmpp:channel-search:0:search"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


async def extensions(world):
    plugins = (*PLUGINS, "xep_0050", "xep_0054", "xep_0425")
    juliet, romeo, tybalt = [await Client(n, world.server.clients, plugins).online() for n in ("juliet", "romeo", "tybalt")]
    await juliet.enters(NAME)
    await configures(juliet, ("muc#roomconfig_roomname", "A gallery of moons"), ("muc#roomconfig_persistentroom", 1))
    await romeo.enters(NAME)
    await avatar(juliet, romeo, tybalt)
    await hats(juliet, romeo, tybalt)
    await moderation(juliet, romeo)
    await slow_mode(juliet, romeo)
    await search(juliet, tybalt)
    await juliet["xep_0045"].destroy(JID(room(NAME)))
    for c in (juliet, romeo, tybalt):
        await c.offline()


async def configures(client, *fields):
    form = "".join(f"<field var='{k}'><value>{v}</value></field>" for k, v in fields)
    await client.asks("set", room(NAME), f"<query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'>{form}</x></query>")


async def told(client, field):
    """The values of a field of muc#roominfo, and whether the room offers vCards."""
    info = await client.asks("get", room(NAME), INFO)
    assert "vcard-temp" in [f.get("var") for f in info.iter("{http://jabber.org/protocol/disco#info}feature")]
    return [v.text for f in info.iter(DATA + "field") if f.get("var") == field for v in f.iter(DATA + "value")]


async def avatar(juliet, romeo, tybalt):
    """The owner sets it, all inside are told, and who is outside finds and reads it (XEP-0486)."""
    vcard, seen = juliet["xep_0054"].make_vcard(), len(romeo.got)
    vcard["PHOTO"]["TYPE"], vcard["PHOTO"]["BINVAL"] = "image/png", PNG
    await refused(romeo["xep_0054"].publish_vcard(vcard, jid=JID(room(NAME))), "forbidden")
    await juliet["xep_0054"].publish_vcard(vcard, jid=JID(room(NAME)))
    await romeo.gets("that the room has changed", lambda x: codes(x) == [104], seen)
    assert await told(tybalt, "muc#roominfo_avatarhash") == [hashlib.sha1(PNG).hexdigest()]
    got = await tybalt["xep_0054"].get_vcard(JID(room(NAME)))
    assert got["vcard_temp"]["PHOTO"]["BINVAL"] == PNG, got
    large, seen = base64.b64encode(bytes(30_000)).decode(), len(romeo.got)
    await juliet.asks("set", room(NAME), f"<vCard xmlns='vcard-temp'><PHOTO><BINVAL>{large}</BINVAL></PHOTO></vCard>")
    await romeo.gets("that the room has changed", lambda x: codes(x) == [104], seen)
    card = await tybalt.asks("get", room(NAME), "<vCard xmlns='vcard-temp'/>")
    assert card.findtext(f".//{VCARD}BINVAL") == large
    seen = len(romeo.got)
    await juliet.asks("set", room(NAME), "<vCard xmlns='vcard-temp'/>")
    await romeo.gets("that the room has changed", lambda x: codes(x) == [104], seen)
    assert await told(tybalt, "muc#roominfo_avatarhash") == []
    card = await tybalt.asks("get", room(NAME), "<vCard xmlns='vcard-temp'/>")
    assert len(card.find(VCARD + "vCard")) == 0, "a card that was removed"


async def hats(juliet, romeo, tybalt):
    """The owner makes a hat and puts it on somebody, by commands; all see it, until it is no more (XEP-0317)."""
    uri = "urn:example:hats#poet"

    async def command(client, name, **fields):
        form = client["xep_0004"].make_form(ftype="submit")
        for name_of, value in {"FORM_TYPE": "urn:xmpp:hats:commands", **fields}.items():
            form.add_field(var=name_of if name_of == "FORM_TYPE" else "hats#" + name_of, value=value)
        return await client["xep_0050"].send_command(room(NAME), "urn:xmpp:hats:commands:" + name, payload=form)

    def wears(nick, *titles):
        return lambda x: x.get("from") == room(NAME) + "/" + nick and [h.get("title") for h in x.iter(HATS + "hat")] == list(titles)

    offered = await juliet["xep_0050"].get_commands(room(NAME))
    nodes = [i[1] for i in offered["disco_items"]["items"]]
    assert "urn:xmpp:hats:commands:create" in nodes, nodes
    await refused(command(romeo, "create", title="Poet", uri=uri), "forbidden")
    await command(juliet, "create", title="Poet", uri=uri)
    seen, own = len(juliet.got), len(romeo.got)
    await command(juliet, "assign", jid="romeo@" + DOMAIN, uri=uri)
    await juliet.gets("Romeo's hat", wears("Romeo", "Poet"), seen)
    await romeo.gets("his own hat", wears("Romeo", "Poet"), own)
    since = len(tybalt.got)
    await tybalt.enters(NAME)
    await tybalt.gets("Romeo's hat", wears("Romeo", "Poet"), since)
    tybalt.make_presence(pto=room(NAME) + "/Tybalt", ptype="unavailable").send()
    seen = len(juliet.got)
    p = romeo.make_presence(pto=room(NAME) + "/Romeo", pshow="away")
    ET.SubElement(ET.SubElement(p.xml, HATS + "hats"), HATS + "hat", uri="urn:example:hats#prince", title="Prince")
    p.send()
    await juliet.gets("the hat that he has, and no other", wears("Romeo", "Poet"), seen)
    seen = len(juliet.got)
    await command(juliet, "destroy", uri=uri)
    await juliet.gets("Romeo without a hat", wears("Romeo"), seen)


async def moderation(juliet, romeo):
    """Moderators take back what others said, in both forms; nobody else does (XEP-0425)."""
    ids = {}
    for text in ("buy", "buy more", "good evening"):
        romeo.says(NAME, text)
        heard = await juliet.hears(text)
        ids[text] = next(s.get("id") for s in heard.iter(SID) if s.get("by") == room(NAME))

    def newer(ident):
        return (f"<moderate xmlns='{MODERATE[1:-1]}' id='{ident}'><retract xmlns='{RETRACT[1:-1]}'/>"
                "<reason>Spam</reason></moderate>")

    await refused(romeo.asks("set", room(NAME), newer(ids["buy"])), "forbidden")
    await refused(juliet.asks("set", room(NAME), newer("nothing")), "item-not-found")
    seen = len(romeo.got)
    await juliet.asks("set", room(NAME), newer(ids["buy"]))
    await juliet["xep_0425"].moderate(JID(room(NAME)), ids["buy more"], reason="Spam")
    for text in ("buy", "buy more"):
        got = await romeo.gets("the retraction", lambda x: x.find(f"{RETRACT}retract[@id='{ids[text]}']") is not None, seen)
        assert got.get("from") == room(NAME), got.attrib
        assert got.find(f".//{MODERATE}moderated").get("by") == room(NAME) + "/Juliet"
        assert got.find(f".//{OLD_MODERATE}moderated").get("by") == room(NAME) + "/Juliet"
        assert got.findtext(f"{RETRACT}retract/{RETRACT}reason") == "Spam", got.attrib
    seen = len(juliet.got)
    await juliet.asks("set", room(NAME), "<query xmlns='urn:xmpp:mam:2'/>")
    found = [x for x in juliet.got[seen:] if x.find(RESULT) is not None]
    bodies = [b for b in (x.findtext(".//{jabber:client}body") for x in found) if b]
    assert bodies == ["good evening"], bodies
    assert sum(x.find(f".//{RETRACT}retracted") is not None for x in found) == 2, "two tombstones"


async def slow_mode(juliet, romeo):
    """People wait between two messages, those who run the room do not (XEP-0500)."""
    seen = len(romeo.got)
    await configures(juliet, ("muc#roomconfig_slow_mode_duration", 3600))
    await romeo.gets("that the room has changed", lambda x: codes(x) == [104], seen)
    assert await told(romeo, "muc#roominfo_slow_mode_duration") == ["3600"]
    romeo.says(NAME, "slowly")
    await juliet.hears("slowly")
    romeo.says(NAME, "too fast", ident="fast")
    error = await romeo.gets("a refusal", lambda x: x.get("id") == "fast" and x.get("type") == "error")
    assert condition(error) == "policy-violation" and error.find("{jabber:client}error").get("type") == "wait", error.attrib
    for i in range(3):
        juliet.says(NAME, f"freely {i}")
        await romeo.hears(f"freely {i}")
    assert "too fast" not in map(body, juliet.got)
    await configures(juliet, ("muc#roomconfig_slow_mode_duration", 0))
    romeo.says(NAME, "at last")
    await juliet.hears("at last")


async def search(juliet, tybalt):
    """Public rooms are found by what they are called; hidden ones never (XEP-0433)."""
    async def find(*fields):
        form = "".join(f"<field var='{k}'><value>{v}</value></field>" for k, v in
                       (("FORM_TYPE", "urn:xmpp:channel-search:0:search-params"), *fields))
        got = await tybalt.asks("get", ROOMS, f"<search xmlns='{SEARCH}'><x xmlns='jabber:x:data' type='submit'>{form}</x></search>")
        return [(i.get("address"), i.findtext(f"{{{SEARCH}}}name"), i.findtext(f"{{{SEARCH}}}nusers")) for i in got.iter(f"{{{SEARCH}}}item")]

    want = [(room(NAME), "A gallery of moons", "2")]
    assert await find(("q", "moons")) == want, await find(("q", "moons"))
    assert await find(("q", "moons"), ("min_users", 3)) == []
    assert want[0] in await find(("all", 1))
    await configures(juliet, ("muc#roomconfig_publicroom", 0))
    assert await find(("q", "moons")) == []
    assert want[0] not in await find(("all", 1))
