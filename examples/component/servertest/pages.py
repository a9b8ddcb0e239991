"""Plays what the pages tell an operator to do, word for word, on a machine of its own (machine.py): each
block that is marked with what to do with it.

    python3 pages.py prosody|ejabberd|operating

sh              is run, as root, in the checkout
sh stays        the same, in another terminal; it goes on until it says "connected"
LANGUAGE FILE   is written into the file
out FILE        stands in the file, just so, and is taken out
listen FILE     is added to the file, under "listen:"
"""

import os
import re
import signal
import subprocess
import sys
import time

from machine import CHECKOUT, HERE, SOURCES, Machine

README = os.path.join(HERE, "..", "README.md")
OPERATING = os.path.join(CHECKOUT, "docs", "operating.md")


def blocks(path, heading):
    """The marked blocks below a heading, in order: what their first lines say, and their texts."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    level, begun = re.match("#+", heading).group(0), text.index(heading + "\n")
    end = re.search(f"^#{{1,{len(level)}}} ", text[begun + len(heading):], re.M)
    section = text[begun:begun + len(heading) + end.start()] if end else text[begun:]
    found = re.findall(r"^```(\S+)(?: ([^\n]+))?\n(.*?)^```$", section, re.S | re.M)
    return [(language, what, block) for language, what, block in found if language == "sh" or what]


class Visitor:
    """visit.py in the machine."""

    def __init__(self, machine, user, password, room):
        script = os.path.join(SOURCES, os.path.relpath(HERE, CHECKOUT), "visit.py")
        self.process = subprocess.Popen(machine.command(f"exec /usr/bin/python3 -B '{script}' '{user}' '{password}' '{room}'"),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.entered = self.process.stdout.readline().strip()

    def asks(self, line):
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def expects(self, line, want):
        got = self.asks(line)
        assert got == want, f"{line}: {got!r}, not {want!r}"

    def leaves(self):
        self.asks("leave")
        self.process.kill()
        self.process.wait()


class Player:
    def __init__(self, machine):
        self.machine, self.staying = machine, []

    def plays(self, language, what, block):
        """Does what a block is marked with, and returns what was said."""
        print("    " + block.strip().splitlines()[0][:100], flush=True)
        if language == "sh" and what == "stays":
            return self.stays(block)
        if language == "sh":
            assert not what, what
            return self.machine.run(block).stdout
        how, _, path = what.rpartition(" ")
        if how == "out":
            text = self.machine.read(path)
            assert text.count(block) == 1, f"{path} has not this in it:\n{block}"
            self.machine.write(path, text.replace(block, ""))
        elif how == "listen":
            text = self.machine.read(path)
            assert len(re.findall("^listen:$", text, re.M)) == 1, path
            self.machine.write(path, re.sub("^listen:\n", lambda m: m.group(0) + block, text, count=1, flags=re.M))
        else:
            self.machine.write(path, block)
        return ""

    def stays(self, script):
        log = f"staying{len(self.staying)}.log"
        self.staying.append(self.machine.start(script, log))
        for _ in range(3000):
            with open(os.path.join(self.machine.folder, log), encoding="utf-8") as f:
                said = f.read()
            if "msg=connected" in said:
                return said
            assert self.staying[-1].poll() is None, said
            time.sleep(0.1)
        raise AssertionError(f"it does not connect:\n{said}")


def quick_start(machine, heading):
    """A quick start ends in a chat, in a room of the component, which the last block shows."""
    player, romeo, said = Player(machine), None, ""
    for block in blocks(README, heading):
        said = player.plays(*block)
        if block[1] == "stays":
            romeo = Visitor(machine, "romeo@localhost", "geheim", "cellar@conference.localhost")
            assert romeo.entered == "inside", romeo.entered
            romeo.expects("say But soft!", "heard")
            romeo.expects("service", "Chat rooms")
    assert romeo, "nothing of it stays"
    assert "cellar@conference.localhost" in said, said
    romeo.leaves()


def terminated(*_):
    raise KeyboardInterrupt  # so that what was started is ended


def main(page):
    print(f"  the page: {page}", flush=True)
    machine = Machine()
    try:
        if page == "operating":
            import first_hour
            first_hour.play(machine, Player(machine), blocks(OPERATING, "## The first hour"))
        else:
            quick_start(machine, {"prosody": "## Quick start with Prosody", "ejabberd": "## Quick start with ejabberd"}[page])
    except BaseException:
        print(machine.run("journalctl --no-pager -n 40 -o cat; tail -n 20 /var/log/prosody/prosody.log /var/log/ejabberd/ejabberd.log",
                          check=False).stdout, file=sys.stderr)
        raise
    finally:
        machine.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminated)
    main(*sys.argv[1:])
