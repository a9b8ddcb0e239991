"""What goes wrong: wrong settings, a stop, a crash, a server that goes away."""

import asyncio
import os
import random
import xml.etree.ElementTree as ET

from client import JID, Client, body, codes, room
from component import Component

MESSAGES = 1000
WINDOW = 30  # messages of one sender that are on their way at once


async def refusals(world):
    """Each thing that cannot work ends the component with one line that says what to
    do, and a status that is not 0."""
    garbage = os.path.join(world.folder, "garbage.db")
    with open(garbage, "wb") as f:
        f.write(b"cats\n" * 1000)
    fresh = os.path.join(world.folder, "fresh.db")
    taken = f"127.0.0.1:{world.component.metrics_port}"
    server = world.server.refusals
    for what, status, want, flags, options in (
            ("a wrong secret", 1, server["secret"], (), {"secret_text": "wrong"}),
            ("a domain that the server has not", 1, server["domain"], ("-domain", "other.localhost"), {}),
            ("a domain that is taken", 1, server.get("taken"), (), {}),
            ("a store that is in use", 1, "another process works on it", (), {"store": world.component.store}),
            ("a store that is none", 1, "it is no SQLite database", (), {"store": garbage}),
            ("a directory that is not there", 1, "there is no directory", (), {"store": world.folder + "/none/rooms.db"}),
            ("a port in use", 1, "take another port", ("-metrics", taken), {}),
            ("an unknown flag", 2, "flag provided but not defined: -cat", ("-cat",), {}),
    ):
        if want is None:
            continue  # the server admits it
        second = Component(world.component.program, world.folder, world.server)
        second.log = os.path.join(world.folder, "refused.log")
        if os.path.exists(second.log):
            os.remove(second.log)
        second.run(*flags, **{"store": fresh, **options})
        got, line = await second.ends()
        assert got == status and line.startswith("component: ") and want in line, f"{what}: status {got}: {line}"
        print(f"    {what}: {line}")
    assert world.component.running()


async def stop(world):
    """SIGTERM tells everybody, if it is to, and ends with status 0; what was stored is there again."""
    await world.component.stop()
    await world.component.start("-stop", "farewell")
    juliet, romeo = [await Client(n, world.server.clients).online() for n in ("juliet", "romeo")]
    await found(juliet, "balcony")
    await romeo.enters("balcony")
    juliet.says("balcony", "good night")
    await romeo.hears("good night")
    status = await world.component.stop()
    assert status == 0, f"status {status}:\n{world.component.said()}"
    for c in (juliet, romeo):
        await c.gets("the shutdown", lambda x: 332 in codes(x))
    await world.component.start()
    joined = await romeo.enters("balcony")
    assert joined.history == ["good night"], joined.history
    for c in (juliet, romeo):
        await c.offline()


async def found(owner, name, maxusers=50):
    """Makes a persistent room with a configuration of its own."""
    await owner.enters(name)
    muc = owner["xep_0045"]
    form = await muc.get_room_config(JID(room(name)))
    form.set_values({"muc#roomconfig_roomname": name.upper(), "muc#roomconfig_persistentroom": True,
                     "muc#roomconfig_maxusers": str(maxusers)})
    form["type"] = "submit"
    await muc.set_room_config(JID(room(name)), form)
    muc.set_subject(JID(room(name)), "about " + name)
    await muc.set_affiliation(JID(room(name)), "admin", jid=JID("mercutio@localhost"))
    await owner.gets("the subject", lambda x: x.findtext("{jabber:client}subject") == "about " + name)


async def crashes(world, kills):
    """kill -9 in the middle of messages: what anybody saw is in the store, and the room
    comes back as it was."""
    juliet, romeo = [await Client(n, world.server.clients).online() for n in ("juliet", "romeo")]
    await found(juliet, "duel")
    total = 0
    for kill in range(kills):
        for c in (juliet, romeo):
            if kill:
                await comes_back(world, c)
        seen = await talk_until_kill(world, (juliet, romeo), kill)
        stored = world.component.stored_messages(room("duel"))
        lost = seen - set(stored)
        assert not lost, f"kill {kill}: {len(lost)} messages were seen and are not stored: {sorted(lost)[:5]}"
        total += len(seen)
        await world.component.start()
    await comes_back(world, romeo)
    print(f"    {kills} kills: {total} messages were seen, and all of them are stored")
    for c in (juliet, romeo):
        await c.offline()


async def talk_until_kill(world, people, kill):
    """One sends messages as fast as they come back, and the component is killed at some
    moment; the bodies that anybody saw."""
    speaker, listener = people
    for c in people:
        c.got.clear()
        if not kill:
            await c.enters("duel")
    chance = random.Random(kill)
    last = chance.randrange(MESSAGES // 10, MESSAGES * 9 // 10)
    prefix = f"kill {kill} message "

    def heard(client):
        return sum((body(x) or "").startswith(prefix) for x in client.got)

    sent = 0
    for _ in range(100_000):
        while sent < MESSAGES and sent - heard(speaker) < WINDOW:
            speaker.says("duel", f"{prefix}{sent}")
            sent += 1
        if heard(listener) >= last:
            break
        speaker.changed.clear()
        await asyncio.wait_for(speaker.changed.wait(), 120)
    await asyncio.sleep(chance.random() / 100)
    world.component.kill()
    await asyncio.sleep(0.3)  # what the server still has to deliver
    assert sent < MESSAGES or heard(listener) < MESSAGES, "the kill came after the last message"
    return {body(x) for c in people for x in c.got if (body(x) or "").startswith(prefix)}


async def comes_back(world, client):
    """The room is as it was: configuration, affiliations, subject and history."""
    client.got.clear()
    joined = await client.enters("duel", maxstanzas=20)
    stored = world.component.stored_messages(room("duel"))
    assert joined.history == stored[-20:], f"history {joined.history}\nstored {stored[-20:]}"
    assert joined.subject == "about duel", joined.subject
    affiliation = joined.item.get("affiliation")
    assert affiliation == ("owner" if client.nick == "Juliet" else "none"), affiliation
    info = await client.asks("get", room("duel"), "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    identity = info.find(".//{http://jabber.org/protocol/disco#info}identity")
    assert identity.get("name") == "DUEL", identity.attrib
    if client.nick == "Juliet":
        admins = await client["xep_0045"].get_affiliation_list(JID(room("duel")), "admin")
        assert [str(a) for a in admins] == ["mercutio@localhost"], admins
        form = await client["xep_0045"].get_room_config(JID(room("duel")))
        assert form.get_values()["muc#roomconfig_maxusers"] == "50", form.get_values()


async def server_restarts(world):
    """The server goes away, in good order or not, and comes back: the component
    connects again by itself, and rooms are as they were. Who does not come back is
    put out."""
    for name, end in (("abbey", world.server.stop), ("tomb", world.server.die)):
        juliet, romeo = [await Client(n, world.server.clients).online() for n in ("juliet", "romeo")]
        await found(juliet, name)
        await romeo.enters(name)
        await end()
        await asyncio.gather(juliet.gone.wait(), romeo.gone.wait())
        assert world.component.running()
        await world.server.start()
        await world.component.connected()
        romeo = await Client("romeo", world.server.clients).online()
        joined = await romeo.enters(name)
        assert joined.subject == "about " + name, joined.subject
        romeo.says(name, "anybody?")
        await romeo.hears("anybody?")
        if "Juliet" in joined.occupants:
            await romeo.gets("Juliet's end", lambda x, who=room(name) + "/Juliet": x.get("from") == who and
                             x.get("type") == "unavailable")
        items = await romeo.asks("get", room(name), "<query xmlns='http://jabber.org/protocol/disco#items'/>")
        inside = [i.get("jid") for i in items.iter("{http://jabber.org/protocol/disco#items}item")]
        assert inside == [room(name) + "/Romeo"], inside
        await romeo.offline()


async def crowd(world, size):
    """Many clients join one room at once, and all of them hear what is said."""
    loop = asyncio.get_running_loop()
    host = await Client("juliet", world.server.clients).online()
    await found(host, "feast", maxusers=size)
    guests = [Client(f"guest{i}", world.server.clients, plugins=()) for i in range(size - 1)]
    for i in range(0, size, 20):
        await asyncio.gather(*(c.online() for c in guests[i:i + 20]))
    start = loop.time()
    for c in guests:
        p = c.make_presence(pto=f"{room('feast')}/{c.nick}")
        p.append(ET.Element("{http://jabber.org/protocol/muc}x"))
        p.send()

    def everybody(c):
        nicks = set()

        def one_more(x):
            if x.tag == "{jabber:client}presence" and x.get("from").startswith(room("feast")):
                nicks.add(x.get("from"))
            return len(nicks) == size
        return c.gets(f"{size} presences", one_more, within=180)
    await asyncio.gather(*(everybody(c) for c in [host, *guests]))
    entered = loop.time() - start
    assert world.component.metrics()["muc_occupants"] == size, world.component.metrics()["muc_occupants"]
    host.says("feast", "welcome")
    await asyncio.gather(*(c.hears("welcome", within=120) for c in [host, *guests]))
    cpu = world.component.metrics()["process_cpu_seconds_total"]
    print(f"    {size} clients saw each other after {entered:.1f} s, and all heard the same; "
          f"the component used {cpu:.1f} s of CPU since it started")
    await asyncio.gather(*(c.offline() for c in [host, *guests]))
