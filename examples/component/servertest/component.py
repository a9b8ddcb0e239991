"""The component, and a look into its store."""

import asyncio
import os
import sqlite3
import urllib.request

from servers import ROOMS, Process, free_port, listens, secret


class Component(Process):
    def __init__(self, program, folder, server):
        super().__init__("component", folder)
        self.program, self.server = program, server
        self.store = os.path.join(folder, "rooms.db")
        self.metrics_port = free_port()

    def run(self, *flags, secret_text=None, store=None, connect=None):
        self.launch([self.program, "-domain", ROOMS, "-store", store or self.store, "-connect",
                     connect or f"127.0.0.1:{self.server.components}", *flags],
                    env={"MUC_SECRET": secret_text or secret()})

    async def start(self, *flags):
        self.run("-metrics", f"127.0.0.1:{self.metrics_port}", *flags)
        await listens(self, self.metrics_port)
        await self.connected()

    async def give_way(self, *flags):
        """Has a new process take over from the one that runs."""
        old = self.child
        self.run("-metrics", f"127.0.0.1:{self.metrics_port}", "-take-over", *flags)
        new, self.child = self.child, old
        status, _ = await self.ends(60)
        self.child = new
        assert status == 0, f"status {status}:\n{self.said()}"
        await self.connected()

    async def connected(self, within=120):
        for _ in range(within * 20):
            assert self.running(), f"the component ended:\n{self.said()}"
            try:
                if self.metrics()["muc_connected"] == 1:
                    return
            except OSError:
                pass  # it does not listen yet, or just ends
            await asyncio.sleep(0.05)
        raise AssertionError(f"the component does not connect:\n{self.said()}")

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=60) as answer:
            lines = answer.read().decode().splitlines()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    async def ends(self, within=120):
        """Waits for the end of a component that cannot work: its status and the last
        line of what it said."""
        for _ in range(within * 50):
            if not self.running():
                return self.child.returncode, self.said().strip().splitlines()[-1]
            await asyncio.sleep(0.02)
        self.kill()
        raise AssertionError(f"the component does not end:\n{self.said()}")

    def stored_messages(self, address):
        """The bodies of all messages of a room that are in the store, oldest first."""
        db = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)
        try:
            rows = db.execute(
                "SELECT body ->> '$.data.payload' FROM archive WHERE room = (SELECT id FROM room WHERE jid = ?) "
                "ORDER BY seq", (address,)).fetchall()
        finally:
            db.close()
        return [text.split("<body>")[1].split("</body>")[0] for (text,) in rows if "<body>" in text]
