"""slixmpp over TCP with STARTTLS, and profanity in a terminal."""

import asyncio
import logging
import os
import ssl
import subprocess

for name in ("slixmpp", "asyncio"):  # what fails, fails in a test
    logging.getLogger(name).setLevel(logging.CRITICAL)

import slixmpp
from slixmpp import JID

from browser import until

DOMAIN = "localhost"
LOBBY = "lobby@conference.localhost"
PATIENCE = 180


class Client(slixmpp.ClientXMPP):
    """A client that remembers what it hears in the room."""

    def __init__(self, name, port, mechanism):
        super().__init__(f"{name}@{DOMAIN}/slixmpp", name, sasl_mech=mechanism)
        self.port, self.nick = port, name.capitalize()
        for plugin in ("xep_0030", "xep_0045", "xep_0198", "xep_0199", "xep_0280"):
            self.register_plugin(plugin)
        self.ssl_context = ssl.create_default_context()
        self.ssl_context.check_hostname, self.ssl_context.verify_mode = False, ssl.CERT_NONE
        self.heard, self.changed, self.out = [], asyncio.Event(), False
        self.add_event_handler("groupchat_message", self.hear)
        self.add_event_handler(f"muc::{LOBBY}::self-presence", self.see)

    def get_ssl_context(self):
        return self.ssl_context

    def hear(self, message):
        self.heard.append((message["from"].resource, message["body"]))
        self.changed.set()

    def see(self, presence):
        self.out = presence["type"] == "unavailable"
        self.changed.set()

    async def online(self):
        ready = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", lambda _: ready.done() or ready.set_result(None))
        self.add_event_handler("failed_all_auth", lambda _: ready.done() or ready.set_exception(AssertionError(f"{self.boundjid} may not log in")))
        self.connect(("127.0.0.1", self.port), force_starttls=True)
        await asyncio.wait_for(ready, PATIENCE)
        self.send_presence()
        await self.get_roster()
        return self

    async def enters(self):
        await self["xep_0045"].join_muc_wait(JID(LOBBY), self.nick, timeout=PATIENCE)

    def says(self, text):
        self.send_message(LOBBY, text, mtype="groupchat")

    async def waits(self, what, is_so):
        end = asyncio.get_running_loop().time() + PATIENCE
        while not is_so():
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), end - asyncio.get_running_loop().time())
            except asyncio.TimeoutError:
                raise AssertionError(f"{self.nick}: no {what}; heard {self.heard}") from None

    async def hears(self, nick, text):
        await self.waits(text, lambda: (nick, text) in self.heard)


async def over_tcp(server):
    """Two clients, by two mechanisms: roster, ping, chat, kick, history."""
    romeo = await Client("romeo", server.port, "SCRAM-SHA-256").online()
    juliet = await Client("juliet", server.port, "PLAIN").online()
    assert "juliet@localhost" in romeo.client_roster, "everybody is a contact"
    assert romeo["xep_0198"].enabled_in, "what the server has received is counted"
    await romeo["xep_0199"].ping(JID(DOMAIN), timeout=PATIENCE)
    await romeo.enters()
    await juliet.enters()
    juliet.says("Parting is such sweet sorrow")
    await romeo.hears("Juliet", "Parting is such sweet sorrow")
    await romeo["xep_0045"].set_role(JID(LOBBY), "Juliet", "none", timeout=PATIENCE)
    await juliet.waits("kick", lambda: juliet.out)
    juliet.heard.clear()
    await juliet.enters()
    await juliet.hears("Juliet", "Parting is such sweet sorrow")
    for client in (romeo, juliet):
        await client.disconnect(wait=2.0)


class Terminal:
    """profanity, in a tmux of its own."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "tmux")
        self.home = os.path.join(folder, "profanity")
        os.makedirs(self.home)

    def tmux(self, *args):
        env = {**os.environ, "HOME": self.home, "XDG_CONFIG_HOME": self.home, "XDG_DATA_HOME": self.home, "LANG": "C.UTF-8", "TERM": "xterm"}
        return subprocess.run(["tmux", "-S", self.socket, *args], env=env, check=True, capture_output=True, text=True).stdout

    def start(self):
        self.tmux("new-session", "-d", "-x", "110", "-y", "32", "profanity")

    def enter(self, line):
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def shows(self, text):
        until(f"{text!r} in the terminal", lambda: text in self.screen(), PATIENCE, self.screen)

    def stop(self):
        try:
            self.tmux("kill-server")
        except subprocess.CalledProcessError:
            pass


def in_a_terminal(server, folder, commands):
    """The commands that the server itself prints."""
    terminal = Terminal(folder)
    terminal.start()
    try:
        terminal.shows("Type '/help'")
        terminal.enter(commands["connect"])
        terminal.shows("Enter password")
        terminal.enter("romeo")
        terminal.shows("logged in successfully")
        terminal.enter(commands["join"])
        terminal.shows("You have joined the room")
        terminal.enter("hello from a terminal")
        terminal.shows("hello from a terminal")
    finally:
        terminal.stop()
