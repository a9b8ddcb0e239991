"""Moving in: the component takes over the rooms that a server had itself, and all is as it
was."""

import os
import subprocess
import xml.etree.ElementTree as ET

from client import DATA, JID, Client, body, refused, room
from component import Component
from servers import DOMAIN, KINDS, ROOMS

OWNER = "<query xmlns='http://jabber.org/protocol/muc#owner'>{}</query>"
FORM = "<x xmlns='jabber:x:data' type='submit'>{}</x>"
CONFIG, REGISTER = "http://jabber.org/protocol/muc#roomconfig", "http://jabber.org/protocol/muc#register"
MAM, ADMIN = "{urn:xmpp:mam:2}", "{http://jabber.org/protocol/muc#admin}"
BOTH = {  # what both servers have in their forms
    "cellar": [("muc#roomconfig_roomname", "The wine \u2018cellar\u2019"), ("muc#roomconfig_roomdesc", 'Below "the" house\\'),
               ("muc#roomconfig_persistentroom", "1"), ("muc#roomconfig_publicroom", "1"), ("muc#roomconfig_changesubject", "1"),
               ("muc#roomconfig_moderatedroom", "0"), ("muc#roomconfig_membersonly", "0"), ("muc#roomconfig_whois", "anyone")],
    "attic": [("muc#roomconfig_roomname", "Attic"), ("muc#roomconfig_persistentroom", "1"), ("muc#roomconfig_publicroom", "0"),
              ("muc#roomconfig_passwordprotectedroom", "1"), ("muc#roomconfig_roomsecret", "hurly & burly"),
              ("muc#roomconfig_membersonly", "1"), ("muc#roomconfig_whois", "moderators"), ("muc#roomconfig_changesubject", "0")],
    "gate": [("muc#roomconfig_persistentroom", "0")],
}
MORE = {  # and what each has alone
    "prosody": [("muc#roomconfig_historylength", "15"), ("muc#roomconfig_enablearchiving", "1")],
    "ejabberd": [("muc#roomconfig_maxusers", "50"), ("allow_query_users", "0")],
}
NAMES = {"muc#roomconfig_historylength": "muc#maxhistoryfetch"}  # as the component calls them
LISTS = {"owner": {"juliet"}, "admin": {"mercutio"}, "member": {"romeo"}, "outcast": {"tybalt"}}
SUBJECT = "Wherefore\nart thou?"


def text(i):
    return ("plain", "l\u00e4ngst caf\u00e9", f"message {i}: <&'\"> \u20ac\U0001f600 \\\n\nsecond line", "x" * 500)[i % 4] + str(i)


def fields(form_type, values):
    escape = lambda v: v.replace("&", "&amp;").replace("<", "&lt;")
    return FORM.format("".join(f"<field var='{k}'><value>{escape(v)}</value></field>" for k, v in [("FORM_TYPE", form_type), *values]))


async def configures(client, name, values):
    await client.asks("set", room(name), OWNER.format(fields(CONFIG, values)))


async def moving(world, kind):
    before, after = os.path.join(world.folder, "before"), os.path.join(world.folder, "after")
    for folder in (before, after):
        os.makedirs(folder)
    server = KINDS[kind](before, own_rooms=True)
    try:
        await server.start()
        server.register("juliet", "romeo")
        juliet, romeo = [await Client(n, server.clients).online() for n in ("juliet", "romeo")]
        await make(juliet, romeo, kind)
        said = {name: await archive(juliet, name) for name in ("cellar", "attic")}
        for c in (juliet, romeo):
            await c.offline()
        source = server.export()
        await server.stop()
    finally:
        server.end()
    assert len(said["cellar"]) >= 31 and len(said["attic"]) == 1, said
    server = KINDS[kind](after)
    component = Component(world.component.program, after, server)
    take_over(component, kind, source)
    server.add("juliet", "romeo", "tybalt", "mercutio")
    try:
        await server.start()
        await component.start()
        status, _, line = imports(component, kind, source)
        assert status == 1 and "another process works on it" in line, (status, line)
        await compare(server, kind, said)
        await component.stop()
        await server.stop()
    except BaseException:
        print(component.said()[-4000:])
        raise
    finally:
        server.end()
        component.end()


async def make(juliet, romeo, kind):
    """Rooms, with all that people give them."""
    muc = juliet["xep_0045"]
    for name, values in BOTH.items():
        await juliet.enters(name)
        await configures(juliet, name, values + (MORE[kind] if name == "cellar" else []))
    for affiliation, people in LISTS.items():
        for who in people - {"juliet"}:
            await muc.set_affiliation(JID(room("cellar")), affiliation, jid=JID(f"{who}@{DOMAIN}"), reason="a plague")
    await muc.set_affiliation(JID(room("attic")), "owner", jid=JID("romeo@" + DOMAIN))
    await romeo.enters("cellar")
    # With Prosody a nick is registered with a room, with ejabberd with all of them.
    await romeo.asks("set", ROOMS if kind == "ejabberd" else room("cellar"), "<query xmlns='jabber:iq:register'>"
                     + fields(REGISTER, [("muc#register_roomnick", "Montague")]) + "</query>")
    for i in range(30):
        (juliet, romeo)[i % 2].says("cellar", text(i), f"said-{i}")
        await juliet.hears(text(i))
    m = romeo.make_message(room("cellar"), mtype="groupchat", mbody="corrected")
    m["id"] = "more"
    ET.SubElement(m.xml, "{urn:xmpp:message-correct:0}replace", id="said-29")
    m.send()
    await juliet.hears("corrected")
    muc.set_subject(JID(room("cellar")), SUBJECT)
    await juliet.gets("the subject", lambda x: x.findtext("{jabber:client}subject") == SUBJECT)
    juliet.says("attic", "among us", "semi")
    await juliet.hears("among us")


async def archive(client, name):
    """All messages with a body: id, time to the second, nick, text, and whether it corrects another."""
    since = len(client.got)
    await client.asks("set", room(name), "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>50</max></set></query>")
    found = []
    for x in client.got[since:]:
        result = x.find(MAM + "result")
        if result is not None and result.findtext(".//{jabber:client}body") is not None:
            message = result.find(".//{jabber:client}message")
            found.append((result.get("id"), message.get("id"), result.find(".//{urn:xmpp:delay}delay").get("stamp")[:19],
                          message.get("from").split("/")[1] if "/" in message.get("from") else None, body(message),
                          message.find("{urn:xmpp:message-correct:0}replace") is not None))
    return found


def imports(component, kind, source, *flags):
    """Runs the import: its status, and the last lines of what it says."""
    done = subprocess.run([component.program, "import", "-from", kind, "-domain", ROOMS, "-store", component.store, *flags, source],
                          capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def take_over(component, kind, source):
    status, told, line = imports(component, kind, source, "-dry-run")
    assert status == 0 and not os.path.exists(component.store), (status, told, line)
    assert told.startswith("nothing was imported; it would be: rooms 2, messages "), told
    status, told, line = imports(component, kind, source)
    assert status == 0 and told.startswith("rooms 2, messages "), (status, told, line)
    status, _, line = imports(component, kind, source)
    assert status == 1 and "in the store already" in line, (status, line)
    checked = subprocess.run([component.program, "-check", "-domain", ROOMS, "-store", component.store], capture_output=True, text=True, timeout=120)
    assert (checked.returncode, checked.stdout) == (0, "rooms that are in order: 2\n"), checked


async def compare(server, kind, said):
    """What clients see of it all."""
    juliet, romeo, tybalt, mercutio = [await Client(n, server.clients).online() for n in ("juliet", "romeo", "tybalt", "mercutio")]
    await refused(tybalt.enters("cellar"), "forbidden")
    entry = await juliet.enters("cellar")
    assert entry.subject == SUBJECT, entry.subject
    assert entry.item.get("affiliation") == "owner", entry.item.attrib
    texts = [m[4] for m in said["cellar"]]
    most = 15 if kind == "prosody" else 20  # with the subject, where that was archived
    assert texts[-len(entry.history):] == entry.history and len(entry.history) >= most - 1, entry.history
    assert await archive(juliet, "cellar") == said["cellar"]
    await form(juliet, "cellar", BOTH["cellar"] + MORE[kind])
    for affiliation, people in LISTS.items():
        answer = await juliet.asks("get", room("cellar"), f"<query xmlns='{ADMIN[1:-1]}'><item affiliation='{affiliation}'/></query>")
        items = {i.get("jid"): i.findtext(ADMIN + "reason") for i in answer.iter(ADMIN + "item")}
        assert set(items) == {f"{p}@{DOMAIN}" for p in people}, items
        if kind == "ejabberd" and affiliation != "owner":  # Prosody does not keep why
            assert set(items.values()) == {"a plague"}, items
    await nicks(romeo, mercutio)
    await attic(juliet, mercutio, said)
    for c in (juliet, romeo, tybalt, mercutio):
        await c.offline()


async def form(juliet, name, wanted):
    answer = await juliet.asks("get", room(name), OWNER.format(""))
    values = {f.get("var"): [v.text for v in f.findall(DATA + "value")] for f in answer.iter(DATA + "field") if f.get("type") != "fixed"}
    for name, value in wanted:
        got = values[NAMES.get(name, name)]
        assert got == [value], (name, got, value)


async def nicks(romeo, mercutio):
    """The nick is still reserved for Romeo."""
    answer = await romeo.asks("get", room("cellar"), "<query xmlns='jabber:iq:register'/>")
    assert answer.findtext(".//{jabber:iq:register}username") == "Montague", ET.tostring(answer)
    mercutio.nick = "Montague"
    await refused(mercutio.enters("cellar"), "conflict")
    romeo.nick = "Montague"
    entry = await romeo.enters("cellar")
    assert entry.item.get("affiliation") == "member", entry.item.attrib


async def attic(juliet, mercutio, said):
    """What is hidden and locked stays so, and what was temporary is gone."""
    items = await mercutio.asks("get", ROOMS, "<query xmlns='http://jabber.org/protocol/disco#items'/>")
    listed = {i.get("jid") for i in items.iter("{http://jabber.org/protocol/disco#items}item")}
    assert listed == {room("cellar")}, listed
    await refused(mercutio.enters("attic", password="hurly & burly"), "registration-required")
    await form(juliet, "attic", BOTH["attic"])
    entry = await juliet.enters("attic")
    assert entry.history == ["among us"], entry.history
    assert await archive(juliet, "attic") == said["attic"]
