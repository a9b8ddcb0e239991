"""The first hour of docs/operating.md, and what comes of it at each step."""

import re
import time

from pages import Visitor

ROOM = "cellar@conference.localhost"


def play(machine, player, blocks):
    step = Steps(machine)
    for block in blocks:
        said = player.plays(*block)
        for part, check in step.after.items():
            if part in block[2]:
                check(said)
                step.done.add(part)
    missing = set(step.after) - step.done
    assert not missing, f"the page has no longer {missing}"


class Steps:
    def __init__(self, machine):
        self.machine, self.done, self.romeo, self.tybalt = machine, set(), None, None
        # What is looked at after the blocks in which these words stand.
        self.after = {"systemctl daemon-reload": self.installed, "systemctl status": self.started, "muc-component create": self.made,
                      "systemctl reload": self.banned, "muc-component destroy": self.destroyed,
                      "systemctl start muc-component": self.restored, "systemctl restart muc-component": self.upgraded}

    def enters(self, who, want="inside"):
        visitor = Visitor(self.machine, who + "@localhost", "geheim", ROOM)
        assert visitor.entered == want, f"{who}: {visitor.entered}"
        return visitor

    def installed(self, _):
        self.machine.run("systemd-analyze verify muc-component.service")
        exposed = self.machine.run("systemd-analyze security --no-pager muc-component.service").stdout
        level = float(re.search("Overall exposure level for muc-component.service: ([0-9.]+)", exposed).group(1))
        assert level < 2, exposed  # of 10

    def started(self, said):
        assert "active (running)" in said and "msg=connected" in said, said
        mode = self.machine.run("stat -c '%a %U' /etc/muc.secret /var/lib/muc /var/lib/muc/rooms.db").stdout
        assert mode == "600 root\n700 muc\n600 muc\n", mode

    def made(self, said):
        assert ROOM in said and "The wine cellar" in said, said
        self.romeo, self.tybalt = self.enters("romeo"), self.enters("tybalt")
        self.romeo.expects("say Wherefore?", "heard")
        self.tybalt.expects("say A plague!", "heard")
        self.romeo.asks("seen")

    def banned(self, _):
        for _ in range(50):
            gone = self.romeo.asks("seen")
            if gone != "nothing":
                break
            time.sleep(0.1)
        assert gone == f"presence unavailable from {ROOM}/Tybalt", gone
        self.tybalt.leaves()
        self.enters("tybalt", "refused: forbidden").leaves()

    def destroyed(self, _):
        shown = self.machine.run("muc-component show -config /etc/muc.toml cellar").stdout
        assert "destroyed" in shown, shown
        self.romeo.leaves()

    def restored(self, said):
        assert ROOM in said and "rooms that are in order: 1" in said, said
        self.romeo = self.enters("romeo")
        self.romeo.expects("say Still here.", "heard")

    def upgraded(self, _):
        said = self.machine.run("journalctl --sync; journalctl --no-pager -u muc-component").stdout
        assert "the connection is kept for the next start" in said and 'stream="of another process"' in said, said
        self.romeo.expects("say Unnoticed.", "heard")
        self.romeo.expects("seen", "nothing")
        for _ in range(5):
            self.machine.start("systemctl restart muc-component", "restart.log")
            for i in range(20):
                self.romeo.expects(f"say {i}", "heard")
        self.romeo.expects("seen", "nothing")
        self.romeo.leaves()
