"""Upgrades that nobody notices: one process takes over from another, while everybody talks."""

import asyncio
import random
import time

from client import Client, body, room
from faults import found

ROOM = 10  # clients in a room
MAM = "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>5</max><before/></set></query>"
PING = "<ping xmlns='urn:xmpp:ping'/>"


class Talker:
    """A client that is in a room and says something now and then."""

    def __init__(self, client, name):
        self.client, self.room, self.said, self.since = client, name, 0, 0

    async def talks(self, over):
        chance = random.Random(self.client.nick)
        while not over.is_set():
            await asyncio.sleep(chance.uniform(0.2, 3))
            self.client.says(self.room, f"{self.client.nick} {self.said}")
            self.said += 1

    async def asks(self, over):
        """What is answered at once: the archive, and whether one is inside. An error is raised."""
        while not over.is_set():
            await self.client.asks("set", room(self.room), MAM)
            await self.client.asks("get", f"{room(self.room)}/{self.client.nick}", PING)
            await asyncio.sleep(0.05)

    def heard(self):
        return [text for text in map(body, self.client.got[self.since:]) if text]


async def restarts(world, clients, times):
    """No client sees a presence or an error that it would not have seen otherwise, and each message
    comes to everybody once, in one order."""
    talkers = await gather(world, clients)
    over, begun = asyncio.Event(), time.monotonic()
    work = [asyncio.create_task(t.talks(over)) for t in talkers]
    work += [asyncio.create_task(t.asks(over)) for t in talkers[::ROOM]]
    visitor = await Client("mercutio", world.server.clients).online()
    pauses = []
    for i in range(times):
        await asyncio.sleep(random.Random(i).uniform(0.5, 2))
        start = time.monotonic()
        coming = asyncio.create_task(visits(visitor, talkers[0].room))
        await world.component.give_way("-registration", "open")
        pauses.append(time.monotonic() - start)
        await coming
    await asyncio.sleep(1)
    over.set()
    await asyncio.gather(*work)
    for t in talkers:
        await t.client.gets("all that was said", lambda _, t=t: len(t.heard()) >= spoken(talkers, t.room), within=120)
    await asyncio.sleep(0.5)  # what comes twice
    judge(talkers, times)
    stanzas = sum(len(t.client.got) - t.since for t in talkers)
    print(f"    {times} times another process took over, in {min(pauses):.2f} to {max(pauses):.2f} s, under {len(talkers)} clients: "
          f"{sum(t.said for t in talkers)} messages in {time.monotonic() - begun:.0f} s, {stanzas} stanzas, none lost, "
          "none twice, no presence, no error")
    await asyncio.gather(*(t.client.offline() for t in talkers), visitor.offline())


async def gather(world, clients):
    """Puts clients into rooms, and waits until everybody sees everybody."""
    talkers = []
    for i in range(0, clients, ROOM):
        people = [Client(f"guest{j}", world.server.clients) for j in range(i, min(i + ROOM, clients))]
        await asyncio.gather(*(c.online() for c in people))
        name = f"salon{i // ROOM}"
        await found(people[0], name)
        for c in people[1:]:
            await c.enters(name)
        for c in people:
            for other in people:
                await c.gets(f"{other.nick}", lambda x, who=f"{room(name)}/{other.nick}": x.get("from") == who)
        talkers += [Talker(c, name) for c in people]
    for t in talkers:
        t.since = len(t.client.got)
    return talkers


async def visits(visitor, name):
    await visitor.enters(name)
    since = len(visitor.got)
    visitor.send_presence(pto=f"{room(name)}/{visitor.nick}", ptype="unavailable")
    await visitor.gets("the goodbye", lambda x: x.get("type") == "unavailable", since)


def spoken(talkers, name):
    return sum(t.said for t in talkers if t.room == name)


def judge(talkers, visits):
    """What each client saw is what it should have seen, stanza by stanza."""
    order = {}
    for t in talkers:
        presences = []
        for x in t.client.got[t.since:]:
            assert x.get("type") != "error", f"{t.client.nick} got an error: {x.attrib}"
            if x.tag == "{jabber:client}presence":
                presences.append((x.get("from"), x.get("type")))
        guest = f"{room(t.room)}/Mercutio"
        want = [(guest, None), (guest, "unavailable")] * visits if t.room == talkers[0].room else []
        assert presences == want, f"{t.client.nick} saw {presences}"
        heard = t.heard()
        assert len(heard) == len(set(heard)), f"{t.client.nick} heard something twice"
        assert heard == order.setdefault(t.room, heard), f"{t.client.nick} heard another order, or not all"
        own = [text for text in heard if text.split()[0] == t.client.nick]
        assert own == [f"{t.client.nick} {i}" for i in range(t.said)], f"something that {t.client.nick} said is lost"
