"""Forms as clients read, fill in and send them, and what a configuration tells."""

from client import DATA, JID, Client, IqError, PresenceError, codes, room

OWNER = "<query xmlns='http://jabber.org/protocol/muc#owner'>{}</query>"
NAME = "cauldron"


async def configures(client, fields):
    """Submits the configuration: pairs of names and values."""
    form = "".join(f"<field var='{k}'><value>{v}</value></field>" for k, v in fields)
    await client.asks("set", room(NAME), OWNER.format(f"<x xmlns='jabber:x:data' type='submit'>{form}</x>"))


async def forms(world):
    juliet, romeo = [await Client(n, world.server.clients).online() for n in ("juliet", "romeo")]
    entry = await juliet.enters(NAME)
    assert entry.codes == [110, 170, 201], entry.codes  # the component keeps an archive
    await reading(juliet)
    await sending_back(juliet)
    await passwords(juliet, romeo)
    await archiving(juliet, romeo)
    await juliet["xep_0045"].destroy(JID(room(NAME)))
    for c in (juliet, romeo):
        await c.offline()


async def reading(juliet):
    """Fields have the types that clients expect, and every choice says what it is."""
    answer = await juliet.asks("get", room(NAME), OWNER.format(""))
    x = answer.find(f".//{DATA}x")
    assert x.findtext(DATA + "title") and x.findtext(DATA + "instructions"), "no title or instructions"
    fields = {f.get("var"): f for f in x.findall(DATA + "field") if f.get("type") != "fixed"}
    assert fields["muc#roomconfig_maxusers"].get("type") == "list-single"
    assert fields["muc#roomconfig_maxusers"].findtext(DATA + "value") == "none"
    headings = [f for f in x.findall(DATA + "field") if f.get("type") == "fixed"]
    assert len(headings) > 3 and all(h.findtext(DATA + "value") for h in headings), headings
    options = list(x.iter(DATA + "option"))
    assert len(options) > 10 and all(o.get("label") for o in options), "an option without a label"


async def sending_back(juliet):
    """slixmpp takes the form, and gives back what it took with the headings in it."""
    muc = juliet["xep_0045"]
    form = await muc.get_room_config(JID(room(NAME)))
    form.set_values({"muc#roomconfig_roomname": "The cauldron", "muc#roomconfig_maxusers": "30"})
    form["type"] = "submit"
    assert len(form.xml.findall(f"{DATA}field[@type='fixed']")) > 1, "slixmpp left the headings out"
    await muc.set_room_config(JID(room(NAME)), form)
    form = await muc.get_room_config(JID(room(NAME)))
    values = form.get_values()
    assert values["muc#roomconfig_roomname"] == "The cauldron", values
    assert values["muc#roomconfig_maxusers"] in ("30", ["30"]), values


async def passwords(juliet, romeo):
    flag, secret = "muc#roomconfig_passwordprotectedroom", "muc#roomconfig_roomsecret"
    try:
        await configures(juliet, [(flag, 1), (secret, "")])
        raise AssertionError("a room is protected with no password")
    except IqError as e:
        assert e.condition == "not-acceptable" and "Password" in e.text, (e.condition, e.text)
    await configures(juliet, [(flag, 0), (secret, "hurlyburly")])
    for password, text in ((None, "This room needs a password."), ("heath", "The password is wrong.")):
        try:
            await romeo.enters(NAME, password=password)
            raise AssertionError(f"a room is entered with the password {password}")
        except PresenceError as e:
            assert (e.condition, e.text) == ("not-authorized", text), (e.condition, e.text)
    entry = await romeo.enters(NAME, password="hurlyburly")
    assert entry.codes == [110, 170], entry.codes


async def archiving(juliet, romeo):
    for on, code in ((0, 171), (1, 170)):
        seen = len(romeo.got)
        await configures(juliet, [("muc#roomconfig_enablearchiving", on)])
        await romeo.gets(f"status {code}", lambda x: x.get("type") == "groupchat" and codes(x) == [code], seen)
