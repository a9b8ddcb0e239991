"""Plays three nodes behind a real server, with slixmpp clients: the node that has the link is killed, or
stopped, while everybody talks.

    python3 run.py --server prosody|ejabberd --program CLUSTER [--kills N] [--stops N] [--freezes N]
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
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "component", "servertest"))

import servers
from places import places
from talk import talk

servers.PAGE = os.path.join(HERE, "..", "..", "..", "docs", "cluster.md")
NODES = 3
PATIENCE = 120  # seconds that something may take on a machine that has other things to do


class Cluster(servers.Process):
    """The program: it starts the nodes, and again those that end."""

    def __init__(self, program, folder, server):
        super().__init__("cluster", folder)
        self.program, self.server = program, server

    async def start(self):
        secret = os.path.join(self.folder, "secret")
        with open(secret, "w", encoding="utf-8") as f:
            f.write(servers.secret() + "\n")
        self.launch([self.program, "-dir", os.path.join(self.folder, "cluster.data"), "-component",
                     f"127.0.0.1:{self.server.components}", "-secret-file", secret, "-restart", "1s"])
        await self.linked()

    def nodes(self):
        """Where the metrics of each node are, and the number of its process."""
        found = re.findall(r"^node (\w+): component of \S+, metrics at (\S+), kill -9 (\d+)$", self.said(), re.M)
        return {name: (metrics, int(pid)) for name, metrics, pid in found}

    def count(self, node, name):
        """What a node counts; None if it does not run."""
        try:
            with urllib.request.urlopen(self.nodes()[node][0], timeout=5) as answer:
                return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.M).group(1))
        except OSError:
            return None

    def holder(self):
        return next((node for node in self.nodes() if self.count(node, "cluster_linked") == 1), None)

    async def linked(self):
        """Waits until all nodes are there, and one has the link: its name."""
        return await self.until(f"{NODES} nodes with a link", lambda: self.complete() and self.holder())

    def complete(self):
        nodes = self.nodes()
        return len(nodes) == NODES and all(self.count(n, "cluster_nodes") == NODES and self.count(n, "cluster_shards_orphaned") == 0
                                           and self.count(n, "cluster_shards_owned") > 0 for n in nodes)

    async def until(self, what, so):
        for _ in range(PATIENCE * 10):
            assert self.running(), f"the cluster ended:\n{self.said()}"
            if found := so():
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"there are not {what}:\n{self.said()}")

    async def ends(self, node, how):
        """Ends a node's process with a signal, and waits until it is no more."""
        pid = self.nodes()[node][1]
        os.kill(pid, how)
        await self.until("less processes", lambda: f"node {node} has ended" in self.said().rsplit(f"kill -9 {pid}\n", 1)[1])


    async def stands_still(self, node):
        """A node does nothing until another one has the link."""
        pid = self.nodes()[node][1]
        os.kill(pid, signal.SIGSTOP)
        try:
            others = [n for n in self.nodes() if n != node]
            await self.until("another node with the link", lambda: any(self.count(n, "cluster_linked") == 1 for n in others))
            await asyncio.sleep(1)
        finally:
            os.kill(pid, signal.SIGCONT)


class World:
    def __init__(self, kind, program):
        self.kind, self.folder = kind, tempfile.mkdtemp(prefix="muc-")
        self.server = servers.KINDS[kind](self.folder)
        self.cluster = Cluster(program, self.folder, self.server)


async def play(world, args):
    if world.kind == "ejabberd" and (not args.only or "places" in args.only):
        print("  ejabberd: places", flush=True)
        await asyncio.wait_for(places(os.path.join(world.folder, "places")), 3 * PATIENCE)
    if args.only and "talk" not in args.only:
        return
    await world.server.start()
    await world.cluster.start()
    print(f"  {world.kind}: three nodes", flush=True)
    start = time.monotonic()
    await asyncio.wait_for(talk(world, args.kills, args.stops, args.freezes),
                           PATIENCE * (2 + args.kills + args.stops + args.freezes))
    print(f"    {time.monotonic() - start:.1f} s", flush=True)
    assert await world.cluster.stop(PATIENCE) == 0


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=sorted(servers.KINDS), required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--stops", type=int, default=1)
    parser.add_argument("--freezes", type=int, default=1)
    parser.add_argument("--only", action="append", help="the name of a test: talk, places")
    args = parser.parse_args()
    world = World(args.server, args.program)
    world.server.add(*(f"guest{i}" for i in range(100)))
    try:
        await play(world, args)
    except BaseException:
        for process in (world.cluster, world.server):
            if process.child is not None:
                print(f"--- {process.name}:\n" + process.said()[-6000:], file=sys.stderr)
        raise
    finally:
        try:
            await world.cluster.stop(PATIENCE)
        finally:
            world.cluster.end()
            world.server.end()
            shutil.rmtree(world.folder, ignore_errors=True)


def terminated(*_):
    raise KeyboardInterrupt  # so that what was started is ended


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminated)
    asyncio.run(main())
