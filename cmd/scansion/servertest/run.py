"""Plays the scripts of the suite against servers, and puts the results into a folder.

    python3 run.py --scansion PROGRAM --server PROGRAM --component PROGRAM --out FOLDER [--only NAME] [--kept]
                   [--wait TIME] [--late TIME] [--script TIME]

The servers are Debian's Prosody and ejabberd with the rooms that they bring, the server of
the examples, and the component of the examples behind both. All listen on 127.0.0.1 only.
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..", "..")
sys.path.insert(0, os.path.join(TOP, "examples", "component", "servertest"))

import servers  # noqa: E402
from component import Component  # noqa: E402

PEOPLE = [f"person{i}" for i in range(1, 13)]

# Their own rooms, with what each server brings for them. Where the rooms of a server begin with
# other privileges than XEP-0045 has by default (§5.1.1, §8.1), they are configured.
servers.PROSODY_ROOMS = """
Component "conference.localhost" "muc"
    modules_enabled = { "muc_mam", "vcard_muc" }
"""
servers.EJABBERD_ROOMS = """
  mod_admin_extra: {}
  mod_http_api: {}
  mod_mam: {}
  mod_vcard: {}
  mod_muc:
    access_mam: all
    min_message_interval: 0
    min_presence_interval: 0
    default_room_options:
      moderated: false
      allow_change_subj: false
      allow_user_invites: true
"""
# People make their accounts in ejabberd.
servers.EJABBERD_ACCOUNTS += "registration_timeout: infinity\n"
servers.EJABBERD_ANYBODY = "auth_method: [internal]\nregistration_timeout: infinity"
servers.EJABBERD = servers.EJABBERD.replace("modules:\n", "modules:\n  mod_register: {{ip_access: all}}\n")


class Ours(servers.Process):
    """The server of the examples."""

    def __init__(self, program, folder):
        super().__init__("server", folder)
        self.program, self.clients = program, servers.free_port()

    def add(self, *names):
        self.accounts = os.path.join(self.folder, "accounts")
        with open(self.accounts, "w", encoding="utf-8") as f:
            for name in names:
                f.write(subprocess.run([self.program, "-new-account", name], input=name + "\n", text=True,
                                       capture_output=True, check=True).stdout)

    async def start(self):
        self.launch([self.program, "-listen", f"127.0.0.1:{self.clients}", "-http", "", "-login", "1h", "-accounts", self.accounts,
                     "-store", os.path.join(self.folder, "rooms.db")])
        await servers.listens(self, self.clients)


def version(package):
    v = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=True).stdout
    return re.sub("-.*", "", v)


def kinds(args):
    """By name: the server, the component behind it, flags of scansion, and the name of the column."""
    if args.only == ["ours"]:  # which needs no other
        return {"ours": (lambda f: Ours(args.server, f), None, "accounts", "examples/server")}
    prosody, ejabberd = "Prosody " + version("prosody"), "ejabberd " + version("ejabberd")
    return {
        "ours": (lambda f: Ours(args.server, f), None, "accounts", "examples/server"),
        "prosody": (lambda f: servers.Prosody(f, own_rooms=True), None, "accounts", prosody),
        "ejabberd": (lambda f: servers.Ejabberd(f, own_rooms=True), None, "register", ejabberd),
        "component-prosody": (servers.Prosody, args.component, "accounts", "component behind " + prosody),
        "component-ejabberd": (servers.Ejabberd, args.component, "register", "component behind " + ejabberd),
    }


async def play(args, name, kind):
    make, program, login, title = kind
    folder = tempfile.mkdtemp(prefix="suite-")
    server, component = make(folder), None
    try:
        server.add(*PEOPLE)
        await server.start()
        if program:
            component = Component(program, folder, server)
            # Rooms that were destroyed leave tombstones, and count as created.
            await component.start("-limit-created", "10000")
        flags = ["-register"] if login == "register" else ["-accounts", os.path.join(folder, "people")]
        with open(os.path.join(folder, "people"), "w", encoding="utf-8") as f:
            f.writelines(f"{p}@localhost {p}\n" for p in PEOPLE)
        log = os.path.join(args.out, name + ".txt")
        begin = time.monotonic()
        with open(log, "wb") as out:
            subprocess.run([args.scansion, "-match", "spec", "-connect", f"127.0.0.1:{server.clients}", "-domain", servers.ROOMS,
                            "-insecure", "-plain", "-wait", args.wait, "-late", args.late, "-script", args.script, *flags, "-name", title, "-result", os.path.join(args.out, name + ".json"),
                            *(args.scripts or [os.path.join(TOP, "testdata")])],
                           stdout=out, stderr=out, check=False, cwd=TOP)
        with open(log, encoding="utf-8") as f:
            last = f.read().strip().splitlines()[-1]
        assert ", 0 differ, " in last or not args.kept, f"{title}:\n" + open(log, encoding="utf-8").read()
        print(f"{title}: {last} in {time.monotonic() - begin:.0f} s", flush=True)
    finally:
        for process in (component, server):
            if process is not None and process.child is not None:
                process.kill()
        if args.keep:
            print(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scansion", required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("--component")
    parser.add_argument("--out", required=True)
    parser.add_argument("--only", action="append")
    parser.add_argument("--wait", default="2s")
    parser.add_argument("--late", default="500ms")
    parser.add_argument("--script", default="1m")
    parser.add_argument("--kept", action="store_true", help="fail unless everything that is played is kept")
    parser.add_argument("--keep", action="store_true", help="leave the folders of the servers")
    parser.add_argument("scripts", nargs="*")
    args = parser.parse_args()
    for name, kind in kinds(args).items():
        if not args.only or name in args.only:
            await play(args, name, kind)


def terminated(*_):
    raise KeyboardInterrupt  # so that what was started is ended


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminated)
    asyncio.run(main())
