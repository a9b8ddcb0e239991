"""Plays real clients against the server: slixmpp over TCP with STARTTLS, profanity in a
terminal, and two pages in a headless Chromium.

    python3 run.py --program SERVER [--picture FILE] [--only NAME]
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import struct
import sys
import tempfile
import time
import zlib

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "component", "servertest"))

from browser import Browser
from clients import in_a_terminal, over_tcp
from process import Server

WORDS = "But soft, what light through yonder window breaks?"
SPAM = "Potions, potions, cheap potions!"


def with_converse(server, browser, picture):
    """Two tabs with Converse.js: join, chat, a kick, and a reload."""
    romeo = browser.tab(server.url + "/?as=romeo")
    romeo.shows("1 Participant")
    juliet = browser.tab(server.url + "/?as=juliet")
    juliet.shows("2 Participants")
    say = "converse-muc textarea.chat-textarea"
    romeo.type(say, WORDS + "\n")
    juliet.shows(WORDS)
    juliet.type(say, "Ay me!\n")
    romeo.shows("Ay me!")
    guest = browser.tab(server.url + "/?as=guest")
    guest.shows("3 Participants")
    guest.type(say, "What, ho!\n")
    juliet.shows("What, ho!")
    romeo.type(say, "/kick juliet\n")
    juliet.shows("You have been kicked")
    romeo.shows("juliet has been kicked out")
    juliet.reload()
    juliet.shows("3 Participants")
    juliet.shows(WORDS)
    romeo.type(say, "Welcome back\n")
    juliet.shows("Welcome back")
    if picture:
        romeo.picture(picture)
    for tab in (romeo, juliet, guest):
        policy = [line["message"] for line in tab.said() if "Content Security Policy" in line["message"]]
        assert not policy, policy


def owner_with_converse(server, browser, picture):
    """The owner gives the room a picture and takes back what somebody else said; all see both."""
    romeo = browser.tab(server.url + "/?as=romeo")
    romeo.shows("1 Participant")
    juliet = browser.tab(server.url + "/?as=juliet")
    romeo.shows("2 Participants")
    say, heading = "converse-muc textarea.chat-textarea", "converse-muc-heading converse-avatar "
    romeo.find(heading + ".avatar-initials")
    juliet.type(say, SPAM + "\n")
    romeo.shows(SPAM)
    romeo.click("converse-muc-heading .configure-chatroom-button")
    romeo.type("converse-image-picker input[type=file]", moon(browser.folder))
    romeo.click("converse-muc-config-modal [type=submit]")
    romeo.find(heading + "image")
    romeo.click("converse-message-actions .chat-msg__action-retract")
    romeo.type("converse-confirm-modal input[name=reason]", "Nobody buys potions here")
    romeo.click("converse-confirm-modal [type=submit]")
    guest = browser.tab(server.url + "/?as=guest")
    for tab in (romeo, juliet, guest):
        tab.shows("romeo has removed a message")
        tab.shows("Nobody buys potions here")
        assert SPAM not in tab.text(), tab.text()
    guest.find(heading + "image")
    if picture:
        guest.picture(picture)


def moon(folder):
    """A picture of the moon, as a file."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = b"".join(b"\0" + b"".join(b"\xff\xd8\x40" if (x - 32) ** 2 + (y - 32) ** 2 < 600 else b"\x20\x20\x50"
                                    for x in range(64)) for y in range(64))
    path = os.path.join(folder, "moon.png")
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def with_our_page(server, browser, picture):
    """The same with the page that is there without npm."""
    browser.tab(server.url + "/").shows("Who are you?")
    romeo = browser.tab(server.url + "/?as=romeo")
    romeo.shows("romeo ★")
    juliet = browser.tab(server.url + "/?as=juliet")
    juliet.shows("juliet is here.")
    juliet.type("#words", "<b>Ay me!</b> & more\n")
    romeo.shows("juliet: <b>Ay me!</b> & more")
    romeo.click("#people button")
    juliet.shows("You are out of the room (juliet was kicked).")
    romeo.shows("juliet was kicked.")
    juliet.reload()
    juliet.shows("juliet: <b>Ay me!</b> & more")
    guest = browser.tab(server.url + "/?as=guest")
    guest.type("#words", "Good e'en\n")
    juliet.shows("Good e'en")
    if picture:
        romeo.picture(picture)


def browse(story, picture=None):
    def play(server, folder):
        browser = Browser(folder)
        try:
            browser.start()
            story(server, browser, picture)
        finally:
            browser.stop()
    return play


def terminal(server, folder):
    said = server.said()
    in_a_terminal(server, folder, {name: re.search(rf"^ *(/{name} .*)$", said, re.M).group(1) for name in ("connect", "join")})


def beside(path, prefix):
    return os.path.join(os.path.dirname(path), prefix + os.path.basename(path))


def tests(picture):
    yield "slixmpp", (), {}, lambda server, _: asyncio.run(over_tcp(server))
    yield "profanity", (), {}, terminal
    yield "converse", ("-web",), {}, browse(with_converse, picture)
    yield "converse of an owner", ("-web",), {}, browse(owner_with_converse, picture and beside(picture, "owner-"))
    # Without npm, and with nothing that it fetched before.
    yield "own page", ("-web",), {"PATH": "/nowhere", "XDG_CACHE_HOME": "/nowhere"}, browse(with_our_page, picture and beside(picture, "own-"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--picture", help="where to put a picture of the page with Converse.js")
    parser.add_argument("--only", action="append", help="the name of a test")
    args = parser.parse_args()
    for name, flags, env, play in tests(args.picture):
        if args.only and name not in args.only:
            continue
        print(f"  server: {name}", flush=True)
        start = time.monotonic()
        folder = tempfile.mkdtemp(prefix="muc-")
        server = Server(os.path.abspath(args.program), folder)
        try:
            server.start(env, *flags)
            play(server, folder)
            server.stop()
        except BaseException:
            print("--- the server:\n" + server.said()[-4000:], file=sys.stderr)
            raise
        finally:
            server.kill()
            shutil.rmtree(folder, ignore_errors=True)
        print(f"    {time.monotonic() - start:.1f} s", flush=True)


def terminated(*_):
    raise KeyboardInterrupt  # so that what was started is ended


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminated)
    main()
