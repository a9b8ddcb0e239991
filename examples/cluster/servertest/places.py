"""What ejabberd does with several links of one name (domain_balancing): why there is one."""

import asyncio
import hashlib
import os
import re

from client import Client, room
from servers import ROOMS, Ejabberd, secret

MESSAGES = 60
BALANCING = """
domain_balancing:
  conference.localhost:
    type: bare_destination
    component_number: 3
"""


class Raw:
    """A link that notes for which rooms something comes."""

    def __init__(self):
        self.got, self.reading, self.writer = [], None, None

    async def connect(self, port):
        reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='{ROOMS}'>".encode())
        opened = await self.until(reader, rb"<stream:stream[^>]*\sid=['\"]([^'\"]+)['\"]")
        self.writer.write(b"<handshake>" + hashlib.sha1(opened.group(1) + secret().encode()).hexdigest().encode() + b"</handshake>")
        await self.until(reader, rb"<handshake/>|<handshake></handshake>")
        self.reading = asyncio.create_task(self.read(reader))
        return self

    async def until(self, reader, pattern):
        text = b""
        while not (found := re.search(pattern, text)):
            more = await asyncio.wait_for(reader.read(4096), 60)
            assert more, text
            text += more
        return found

    async def read(self, reader):
        text = b""
        while more := await reader.read(4096):
            text += more
            while found := re.search(rb"<message [^>]*to=['\"](room\d+)@.*?</message>", text, re.S):
                self.got.append(found.group(1).decode())
                text = text[found.end():]

    def close(self):
        self.reading.cancel()
        self.writer.transport.abort()


async def says(client, links):
    """Says something to each room: which of the links got it, and how many came back as errors."""
    for link in links:
        link.got.clear()
    since = len(client.got)
    for i in range(MESSAGES):
        client.says(f"room{i}", "anybody?")
    await client.asks("get", "localhost", "<query xmlns='http://jabber.org/protocol/disco#info'/>")  # after all of them
    for _ in range(50):
        errors = sum(x.get("type") == "error" for x in client.got[since:])
        if errors + sum(len(link.got) for link in links) >= MESSAGES:
            break
        await asyncio.sleep(0.1)
    return [set(link.got) for link in links], errors


async def places(folder):
    os.makedirs(folder)
    server = Ejabberd(folder)
    server.more = BALANCING
    try:
        await server.start()
        client = await Client("guest0", server.clients).online()
        links = [await Raw().connect(server.components) for _ in range(3)]
        got, errors = await says(client, links)
        assert errors == 0 and sum(map(len, got)) == MESSAGES and all(got), (got, errors)
        again, _ = await says(client, links)
        assert again == got, "a room has one link"
        fourth = await Raw().connect(server.components)
        links[1].close()
        await asyncio.sleep(1)
        after, errors = await says(client, [links[0], links[2], fourth])
        assert after == [got[0], got[2], set()], "a link that came before there was a place never gets one"
        assert errors == 0, "and what was for the place is lost without an error"
        fifth = await Raw().connect(server.components)
        last, _ = await says(client, [fifth])
        assert last == [got[1]], "the next one gets it"
        print(f"    of {MESSAGES} messages {len(got[1])} were lost without an error, when one of three links was away, though a fourth was there")
        for link in (links[0], links[2], fourth, fifth):
            link.close()
        await client.offline()
    finally:
        server.end()
