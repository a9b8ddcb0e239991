"""People talk in rooms of all nodes, while the node that has the link is killed or stopped."""

import asyncio
import random
import signal
import time

from client import Client, body, condition, room
from faults import found

PEOPLE, ROOMS = 6, 4
SID = "{urn:xmpp:sid:0}stanza-id"


class Talker:
    """A client that is in all rooms, and says something in each now and then."""

    def __init__(self, client, names):
        self.client, self.names, self.said, self.since = client, names, 0, 0

    async def talks(self, over):
        chance = random.Random(self.client.nick)
        while not over.is_set():
            await asyncio.sleep(chance.uniform(0.1, 0.3))
            for name in self.names:
                self.client.says(name, f"{self.client.nick} {self.said}", f"{self.client.nick} {self.said} {name}")
            self.said += 1

    def heard(self, name):
        """What was said in a room, in order. What comes twice has the same id, and counts once."""
        ids, copies = {}, 0
        for x in self.client.got[self.since:]:
            text = body(x)
            if text is None or x.get("type") == "error" or x.get("from").split("/")[0] != room(name):
                continue
            ident = x.find(SID).get("id")
            copies += text in ids
            assert ids.setdefault(text, ident) == ident, f"{text!r} has two ids"
        return list(ids), copies

    def refused(self):
        """What the server or a room did not take, by the ids of messages."""
        return {x.get("id"): condition(x) for x in self.client.got[self.since:] if x.tag == "{jabber:client}message" and x.get("type") == "error"}


async def talk(world, kills, stops, freezes):
    names = [f"salon{i}" for i in range(ROOMS)]
    people = [Client(f"guest{i}", world.server.clients) for i in range(PEOPLE)]
    await asyncio.gather(*(c.online() for c in people))
    for name in names:
        await found(people[0], name)
        for c in people[1:]:
            await c.enters(name)
        for c in people:
            await c.gets("the last who enters", lambda x, who=f"{room(name)}/{people[-1].nick}": x.get("from") == who)
    for how, times in ((signal.SIGTERM, stops), (signal.SIGSTOP, freezes), (signal.SIGKILL, kills)):
        for _ in range(times):
            await once(world, [Talker(c, names) for c in people], how)
    for c in people:  # who leaves, leaves: nobody was put out before
        since = len(people[0].got)
        await c.asks("get", f"{room(names[0])}/{c.nick}", "<ping xmlns='urn:xmpp:ping'/>")
        assert not [x for x in people[0].got[since:] if x.get("type") == "unavailable"]
    await asyncio.gather(*(c.offline() for c in people))


async def once(world, talkers, how):
    """The node that has the link ends, or stands still until another one has it, while everybody talks."""
    holder = await world.cluster.linked()
    for t in talkers:
        t.since = len(t.client.got)
    over = asyncio.Event()
    work = [asyncio.create_task(t.talks(over)) for t in talkers]
    for t in talkers:
        await t.client.gets("what is said", lambda x: body(x) is not None, t.since, within=120)
    await asyncio.sleep(1)
    begun = time.monotonic()
    ends = asyncio.create_task(world.cluster.ends(holder, how) if how != signal.SIGSTOP else world.cluster.stands_still(holder))
    if how == signal.SIGKILL:
        await ends
    last = max(t.said for t in talkers)
    for t in talkers:  # in each room, something that was said later
        for name in t.names:
            await t.client.gets(f"what is said later in {name}", lambda x, name=name: body(x) and x.get("type") == "groupchat" and
                                x.get("from").startswith(room(name)) and int(body(x).split()[1]) > last, t.since, within=120)
    silent = time.monotonic() - begun
    await ends
    await asyncio.sleep(2)
    over.set()
    await asyncio.gather(*work)
    await settle(talkers)
    judge(world, talkers, how, silent)


async def settle(talkers):
    """All is heard: what is said last, and nothing for a while."""
    for t in talkers:
        for name in t.names:
            t.client.says(name, f"{t.client.nick} {t.said}", f"{t.client.nick} {t.said} {name}")
        t.said += 1
    for t in talkers:
        for name in t.names:
            for other in talkers:
                text = f"{other.client.nick} {other.said - 1}"
                await t.client.gets(f"{text} in {name}", lambda x, name=name, text=text: body(x) == text and x.get("from").startswith(room(name)),
                                    t.since, within=120)


def judge(world, talkers, how, silent):
    """All heard the same, in one order, and nobody was put out. What ejabberd gives to a link in the moment in which
    that is closed is lost there."""
    lost, told, copies = 0, 0, 0
    for t in talkers:
        for x in t.client.got[t.since:]:
            if x.tag == "{jabber:client}presence":
                assert x.get("type") not in ("unavailable", "error"), f"{t.client.nick} saw {x.attrib}"
    refused = {ident: why for t in talkers for ident, why in t.refused().items()}
    assert set(refused.values()) <= {"remote-server-timeout", "remote-server-not-found", "service-unavailable"}, refused
    for name in talkers[0].names:
        order, _ = talkers[0].heard(name)
        for t in talkers:
            heard, twice = t.heard(name)
            copies += twice
            assert heard == order, f"{t.client.nick} heard another order, or not all:\n{heard}\n{order}"
            own = [int(text.split()[1]) for text in heard if text.split()[0] == t.client.nick]
            assert own == sorted(own) or how == signal.SIGSTOP, f"what {t.client.nick} said comes in another order: {own}"
            missing = [i for i in range(t.said) if i not in own]
            bounced = [i for i in missing if f"{t.client.nick} {i} {name}" in refused]
            told += len(bounced)
            lost += len(missing) - len(bounced)
    said = sum(t.said * len(t.names) for t in talkers)
    if how != signal.SIGKILL:
        assert told == 0 and lost <= (said // 50 if world.kind == "ejabberd" else 0), f"{how.name} loses {lost} of {said} messages, and {told} are refused"
    what = {signal.SIGTERM: "was stopped", signal.SIGSTOP: "stood still", signal.SIGKILL: "was killed"}[how]
    print(f"    the node with the link {what}: all rooms speak after {silent:.1f} s; {said} messages, {told} refused by the server {sorted(set(refused.values()))}, "
          f"{lost} lost, {copies} copies under the same id; nobody was put out", flush=True)
