"""A person with a client, who logs in over TLS, as clients do, joins a room, and stays for what is asked at standard
input, a line at a time; each is answered in a line.

    python3 visit.py USER PASSWORD ROOM

say TEXT        says something, and waits until it comes back
service         what the rooms' service calls itself
seen            what came since the last time that nobody expects: presences and errors
leave           leaves
"""

import asyncio
import ssl
import sys

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath


class Person(slixmpp.ClientXMPP):
    def __init__(self, user, password, room):
        super().__init__(user + "/phone", password)
        self.room, self.nick = room, user.split("@")[0].capitalize()
        self.ssl_context = ssl.create_default_context()
        self.ssl_context.check_hostname, self.ssl_context.verify_mode = False, ssl.CERT_NONE  # signed by nobody
        for plugin in ("xep_0030", "xep_0045", "xep_0199"):
            self.register_plugin(plugin)
        self.heard, self.odd, self.inside, self.answer = asyncio.Queue(), [], False, None
        self.add_event_handler("groupchat_message", lambda m: self.heard.put_nowait(m["body"]))
        for kind in ("presence", "message"):
            self.register_handler(Callback("look " + kind, MatchXPath("{jabber:client}" + kind), self.look))

    def look(self, stanza):
        if self.answer is not None and not self.answer.done() and stanza["from"] == f"{self.room}/{self.nick}":
            self.answer.set_result(f"refused: {stanza['error']['condition']}" if stanza["type"] == "error" else "inside")
        if self.inside and (stanza["type"] == "error" or stanza.name == "presence") and stanza["from"].bare == self.room:
            self.odd.append(f"{stanza.name} {stanza['type']} from {stanza['from']}")

    async def enter(self):
        online, failed = asyncio.Event(), asyncio.Event()
        self.add_event_handler("session_start", lambda _: online.set())
        self.add_event_handler("failed_all_auth", lambda _: failed.set())
        self.connect(("127.0.0.1", 5222))
        await asyncio.wait([asyncio.create_task(e.wait()) for e in (online, failed)], timeout=120, return_when=asyncio.FIRST_COMPLETED)
        if not online.is_set():
            return "cannot log in"
        self.send_presence()
        self.answer = asyncio.get_running_loop().create_future()
        join = self.make_presence(pto=f"{self.room}/{self.nick}")
        join.enable("muc_join")
        join.send()
        answer = await asyncio.wait_for(self.answer, 120)
        await asyncio.sleep(0.5)  # until all of the room is there
        self.inside = answer == "inside"
        return answer

    async def does(self, line):
        what, _, text = line.strip().partition(" ")
        if what == "say":
            self.send_message(self.room, text, mtype="groupchat")
            while await asyncio.wait_for(self.heard.get(), 120) != text:
                pass
            return "heard"
        if what == "service":
            info = await self["xep_0030"].get_info(jid=self.room.split("@")[1], timeout=120)
            return ", ".join(sorted(i[3] or "" for i in info["disco_info"]["identities"]))
        if what == "seen":
            odd, self.odd = self.odd, []
            return "; ".join(odd) or "nothing"
        self["xep_0045"].leave_muc(self.room, self.nick)
        await self.disconnect(wait=2)
        return "left"


async def main(user, password, room):
    person = Person(user, password, room)
    print(await person.enter(), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            print(await person.does(line), flush=True)
        except (IqError, asyncio.TimeoutError) as e:
            print(f"failed: {e!r}", flush=True)


asyncio.run(main(*sys.argv[1:]))
