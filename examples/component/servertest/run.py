"""Plays the tests of the component behind a real server.

    python3 run.py --server prosody|ejabberd --program COMPONENT [--kills N] [--clients N --restarts N]
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time

import faults
from component import Component
from extensions import extensions
from forms import forms
from moving import moving
from people import people
from restarts import restarts
from servers import KINDS
from story import story

CROWD = 200
TIME = 900  # seconds that a test may take on a machine that has other things to do


class World:
    def __init__(self, kind, program):
        self.folder = tempfile.mkdtemp(prefix="muc-")
        self.server = KINDS[kind](self.folder)
        self.component = Component(program, self.folder, self.server)


def tests(kind, args):
    yield "story", story
    yield "people", people
    yield "forms", forms
    yield "extensions", extensions
    yield "moving in", lambda world: moving(world, kind)
    yield "refusals", faults.refusals
    yield "stop", faults.stop
    yield "crashes", lambda world: faults.crashes(world, args.kills)
    yield "restarts", lambda world: restarts(world, args.clients, args.restarts)
    yield "server restarts", faults.server_restarts
    if kind == "prosody":
        yield "crowd", lambda world: faults.crowd(world, CROWD)


async def play(world, kind, args):
    await world.server.start()
    await world.component.start("-registration", "open")
    for name, test in tests(kind, args):
        if args.only and name not in args.only:
            continue
        print(f"  {kind}: {name}", flush=True)
        start = time.monotonic()
        await asyncio.wait_for(test(world), TIME + 30 * args.kills + 10 * args.restarts)
        print(f"    {time.monotonic() - start:.1f} s", flush=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=sorted(KINDS), required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--clients", type=int, default=30, help="who talk while another component takes over")
    parser.add_argument("--restarts", type=int, default=3, help="how often one does")
    parser.add_argument("--only", action="append", help="the name of a test")
    args = parser.parse_args()
    world = World(args.server, args.program)
    world.server.add("juliet", "romeo", "tybalt", "mercutio", *(f"guest{i}" for i in range(CROWD)))
    try:
        await play(world, args.server, args)
    except BaseException:
        for process in (world.component, world.server):
            if process.child is not None:
                print(f"--- {process.name}:\n" + process.said()[-4000:], file=sys.stderr)
        raise
    finally:
        for process in (world.component, world.server):
            if process.child is not None:
                process.kill()
        shutil.rmtree(world.folder, ignore_errors=True)


def terminated(*_):
    raise KeyboardInterrupt  # so that what was started is ended


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminated)
    asyncio.run(main())
