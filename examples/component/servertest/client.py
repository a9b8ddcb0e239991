"""A client: slixmpp, and what a test wants to know of it."""

import asyncio
import functools
import logging
import ssl
import xml.etree.ElementTree as ET

for name in ("slixmpp", "asyncio"):  # what fails, fails in a test
    logging.getLogger(name).setLevel(logging.CRITICAL)

import slixmpp
from slixmpp import JID
from slixmpp.exceptions import IqError, PresenceError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from servers import DOMAIN, ROOMS

MUC, DATA = "http://jabber.org/protocol/muc", "{jabber:x:data}"
USER = "{http://jabber.org/protocol/muc#user}"
PLUGINS = ("xep_0004", "xep_0030", "xep_0045", "xep_0199")
PATIENCE = 120  # seconds for what must come, on a machine that has other things to do


def room(name):
    return f"{name}@{ROOMS}"


# Nobody here speaks TLS, and a context for it takes a while to make.
ssl.create_default_context = functools.cache(ssl.create_default_context)


class Client(slixmpp.ClientXMPP):
    """A user's client, which remembers each stanza that it gets."""

    def __init__(self, name, port, plugins=PLUGINS):
        super().__init__(f"{name}@{DOMAIN}/test", name, sasl_mech="PLAIN")
        self.nick, self.port = name.capitalize(), port
        self.got, self.changed = [], asyncio.Event()
        self["feature_mechanisms"].unencrypted_plain = True
        for plugin in plugins:
            self.register_plugin(plugin)
        for kind in ("message", "presence", "iq"):
            self.register_handler(Callback("log " + kind, MatchXPath("{jabber:client}" + kind), self.keep))
        self.gone = asyncio.Event()
        self.add_event_handler("disconnected", lambda _: self.gone.set())

    def keep(self, stanza):
        self.got.append(stanza.xml)
        self.changed.set()

    async def online(self):
        ready = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", lambda _: ready.done() or ready.set_result(None))
        self.add_event_handler("failed_all_auth", lambda _: ready.done() or ready.set_exception(
            AssertionError(f"{self.boundjid} may not log in")))
        self.connect(("127.0.0.1", self.port), force_starttls=False, disable_starttls=True)
        await asyncio.wait_for(ready, PATIENCE)
        self.send_presence()
        return self

    async def offline(self):
        await self.disconnect(wait=1.0)

    async def gets(self, what, found, since=0, within=PATIENCE):
        """Waits for a stanza of which found(xml) is true."""
        seen = since
        deadline = asyncio.get_running_loop().time() + within
        while True:
            self.changed.clear()
            while seen < len(self.got):
                xml = self.got[seen]
                seen += 1
                if found(xml):
                    return xml
            left = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self.changed.wait(), left)
            except asyncio.TimeoutError:
                last = "\n".join(ET.tostring(x, "unicode") for x in self.got[-5:])
                raise AssertionError(f"{self.nick} does not get {what}; the last of what came:\n{last}") from None

    async def enters(self, name, maxstanzas=None, password=None):
        """Joins a room, until its subject comes (XEP-0045 §7.1); the Entry."""
        muc, since = self["xep_0045"], len(self.got)
        muc.rooms[JID(room(name))], muc.our_nicks[JID(room(name))] = {}, self.nick
        p = self.make_presence(pto=f"{room(name)}/{self.nick}")
        p.enable("muc_join")
        if maxstanzas is not None:
            p["muc_join"]["history"]["maxstanzas"] = str(maxstanzas)
        if password is not None:
            p["muc_join"]["password"] = password
        p.send()
        entry = Entry()
        await self.gets("its place in the room", entry.complete, since)
        if entry.refused is not None:
            raise PresenceError(slixmpp.Presence(self, entry.refused))
        return entry

    def says(self, name, text, ident=""):
        m = self.make_message(room(name), mtype="groupchat", mbody=text)
        if ident:
            m["id"] = ident
        m.send()

    async def hears(self, text, since=0, within=PATIENCE):
        return await self.gets(f"the message {text!r}", lambda x: body(x) == text, since, within)

    async def asks(self, kind, to, payload, within=PATIENCE):
        """Sends a request, and returns the answer or raises IqError."""
        iq = self.make_iq(itype=kind, ito=to)
        iq.append(ET.fromstring(payload))
        return (await iq.send(timeout=within)).xml


class Entry:
    """What comes when somebody enters: occupants, his own presence, history, the
    subject."""

    def __init__(self):
        self.occupants, self.codes, self.item, self.history = [], None, None, []
        self.subject = self.refused = None

    def complete(self, xml):
        """Takes one stanza more; whether it is the last one."""
        if xml.tag == "{jabber:client}presence":
            if xml.get("type") == "error":
                self.refused = xml
            elif 110 in codes(xml):
                self.codes, self.item = codes(xml), xml.find(f".//{USER}item")
            elif self.codes is None and "/" in xml.get("from"):
                self.occupants.append(xml.get("from").split("/")[1])
        elif body(xml) is not None and xml.find("{urn:xmpp:delay}delay") is not None:
            self.history.append(body(xml))
        elif xml.find("{jabber:client}subject") is not None and body(xml) is None:
            self.subject = xml.findtext("{jabber:client}subject")
        return self.refused is not None or self.subject is not None


def body(xml):
    return xml.findtext("{jabber:client}body") if xml.tag == "{jabber:client}message" else None


def codes(xml):
    return sorted(int(s.get("code")) for s in xml.iter(USER + "status"))


def condition(xml):
    """The name of the error that a stanza is, or None."""
    error = xml.find("{jabber:client}error")
    return None if error is None else error[0].tag.split("}")[1]


async def refused(call, want):
    """The call is refused with that condition."""
    try:
        await call
    except (IqError, PresenceError) as e:
        assert e.condition == want, f"refused with {e.condition}, not {want}"
        return
    raise AssertionError(f"not refused with {want}")
