"""The server as a process."""

import os
import re
import subprocess
import time


class Server:
    """The server under test, whose output says where it listens."""

    def __init__(self, program, folder):
        self.program, self.folder, self.log = program, folder, os.path.join(folder, "server.log")
        self.child = None

    def start(self, env, *flags):
        argv = [self.program, "-listen", "127.0.0.1:0", "-http", "127.0.0.1:0", "-store", os.path.join(self.folder, "rooms.db"), *flags]
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder,
                                          env={**os.environ, **env})
        end = time.monotonic() + 180  # npm may have to fetch something
        while True:
            listens = re.search(r"^XMPP at 127\.0\.0\.1:(\d+)[^$]*^WebSocket at ws://(\S+)/xmpp-websocket$", self.said(), re.M)
            if listens:
                self.port, self.url = int(listens.group(1)), "http://" + listens.group(2)
                return self
            assert self.child.poll() is None and time.monotonic() < end, f"the server does not start:\n{self.said()}"
            time.sleep(0.05)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self):
        """As a system does it."""
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()
            assert self.child.wait(60) == 0, self.said()

    def kill(self):
        if self.child is not None:
            self.child.kill()
            self.child.wait()
