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
import sys
import tempfile
import time

from browser import Browser
from clients import in_a_terminal, over_tcp
from process import Server

WORDS = "But soft, what light through yonder window breaks?"


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


def tests(picture):
    yield "slixmpp", (), {}, lambda server, _: asyncio.run(over_tcp(server))
    yield "profanity", (), {}, terminal
    yield "converse", ("-web",), {}, browse(with_converse, picture)
    # Without npm, and with nothing that it fetched before.
    yield "own page", ("-web",), {"PATH": "/nowhere", "XDG_CACHE_HOME": "/nowhere"}, browse(with_our_page, picture and "own-" + picture)


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
