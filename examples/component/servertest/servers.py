"""Prosody and ejabberd, as Debian has them, with configuration and data of their
own in a folder that is thrown away. They listen on 127.0.0.1 only."""

import asyncio
import json
import os
import random
import re
import socket
import subprocess
import urllib.request

DOMAIN = "localhost"
ROOMS = "conference.localhost"
HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "README.md")


def free_port():
    """One of those that systems do not give out by themselves: nothing else gets it before it is used."""
    while True:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", random.randrange(10000, 30000)))
            except OSError:
                continue
            return s.getsockname()[1]


def readme(language):
    """The configuration that the page gives for a server: it is what is tested."""
    with open(PAGE, encoding="utf-8") as f:
        return re.search("```" + language + " (?!out )[^\n]*\n(.*?)```", f.read(), re.S).group(1)


def secret():
    return re.search('component_secret = "(.*)"', readme("lua")).group(1)


class Process:
    """A program, its output in a file, and its end."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.log = os.path.join(folder, name + ".log")
        self.child = None

    def launch(self, argv, env=None):
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder,
                env={**os.environ, **(env or {})})

    def running(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        """As kill -9 does it."""
        if self.running():
            self.child.kill()
        self.child.wait()

    def end(self):
        """Ends it, whatever it is doing."""
        if self.child is not None:
            self.kill()

    async def stop(self, within=120):
        """As a system does it; the exit status."""
        if self.child is None:
            return 0
        if self.running():
            self.child.terminate()
        for _ in range(within * 50):
            if not self.running():
                return self.child.returncode
            await asyncio.sleep(0.02)
        self.kill()
        raise AssertionError(f"{self.name} does not end")

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()


async def listens(process, port, within=120):
    """Waits until something listens."""
    for _ in range(within * 20):
        assert process.running(), f"{process.name} ended:\n{process.said()}"
        try:
            _, w = await asyncio.open_connection("127.0.0.1", port)
            w.close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError(f"{process.name} does not listen on port {port}:\n{process.said()}")


class Server(Process):
    """An XMPP server: clients on one port, components on another. It has rooms of its own
    or, for the component, none."""

    def __init__(self, name, folder, own_rooms=False):
        super().__init__(name, folder)
        self.clients, self.components, self.own_rooms = free_port(), free_port(), own_rooms

    async def die(self):
        self.kill()

    def register(self, *names):
        """Makes accounts while it runs, where it has rooms of its own."""
        self.add(*names)

    async def start(self):
        self.run()
        await listens(self, self.clients)
        if not self.own_rooms:
            await listens(self, self.components)


PROSODY = """
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/prosody"
certificates = "{folder}"
log = {{ info = "*console" }}
modules_enabled = {{ "disco", "roster", "saslauth", "ping" }}
modules_disabled = {{ "s2s" }}
interfaces = {{ "127.0.0.1" }}
component_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {clients} }}
component_ports = {{ {components} }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
VirtualHost "localhost"
{component}
"""

PROSODY_ROOMS = """
Component "conference.localhost" "muc"
    modules_enabled = { "muc_mam" }
"""


class Prosody(Server):
    # What it says when a component's domain or secret is wrong, or taken.
    refusals = {"secret": "the server refuses the secret of conference.localhost",
                "domain": "the server has no component other.localhost",
                "taken": "another component is connected to the server as conference.localhost"}

    def __init__(self, folder, own_rooms=False):
        super().__init__("prosody", folder, own_rooms)

    def export(self):
        """What an operator has of its rooms: a directory."""
        return os.path.join(self.folder, "prosody")

    def add(self, *names):
        """Makes accounts, whose passwords are their names."""
        accounts = os.path.join(self.folder, "prosody", DOMAIN, "accounts")
        os.makedirs(accounts, exist_ok=True)
        for name in names:
            with open(os.path.join(accounts, name + ".dat"), "w", encoding="utf-8") as f:
                f.write(f'return {{ ["password"] = "{name}"; }};\n')

    def run(self):
        os.makedirs(os.path.join(self.folder, "prosody"), exist_ok=True)
        config = os.path.join(self.folder, "prosody.cfg.lua")
        with open(config, "w", encoding="utf-8") as f:
            f.write(PROSODY.format(folder=self.folder, clients=self.clients, components=self.components,
                                   component=PROSODY_ROOMS if self.own_rooms else readme("lua")))
        self.launch(["prosody", "--config", config, "-F"])


EJABBERD = """
hosts: [localhost]
loglevel: info
{accounts}
listen:
  -
    port: {clients}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
{component}
modules:
  mod_disco: {{}}
  mod_roster: {{}}
  mod_ping: {{}}
{modules}
"""
EJABBERD_ANYBODY = """
auth_method: [anonymous]
anonymous_protocol: login_anon
allow_multiple_connections: true
"""
# With accounts, and the commands that ejabberdctl has, over HTTP.
EJABBERD_ACCOUNTS = """
auth_method: [internal]
api_permissions:
  local:
    from: [mod_http_api]
    who: [ip: 127.0.0.1/8]
    what: "*"
"""
EJABBERD_COMMANDS = """
  -
    port: {commands}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /api: mod_http_api
"""
EJABBERD_ROOMS = """
  mod_admin_extra: {}
  mod_http_api: {}
  mod_muc_admin: {}
  mod_mam: {}
  mod_vcard: {}
  mod_muc:
    access_mam: [allow]
    default_room_options:
      mam: true
"""


class Ejabberd(Server):
    # Two components of one name share the work.
    refusals = {"secret": "the server refuses the secret of conference.localhost",
                "domain": "the server refuses the secret of other.localhost"}

    def __init__(self, folder, own_rooms=False):
        super().__init__("ejabberd", folder, own_rooms)
        self.commands, self.more = free_port(), ""

    def add(self, *names):
        """Everybody may log in, but where it has rooms of its own."""

    def register(self, *names):
        for name in names:
            self.command("register", user=name, host=DOMAIN, password=name)

    def export(self):
        """What an operator has of its rooms: a file."""
        dump = os.path.join(self.folder, "dump.txt")
        self.command("dump", file=dump)
        return dump

    def command(self, name, **arguments):
        """Does what `ejabberdctl NAME` does."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.commands}/api/{name}", json.dumps(arguments).encode())
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def run(self):
        home = os.path.join(self.folder, "ejabberd")
        os.makedirs(home, exist_ok=True)
        config = os.path.join(self.folder, "ejabberd.yml")
        component = readme("yaml").replace("port: 5347", f"port: {self.components}")
        with open(config, "w", encoding="utf-8") as f:
            own = self.own_rooms
            f.write(EJABBERD.format(
                clients=self.clients, component=EJABBERD_COMMANDS.format(commands=self.commands) if own else component,
                accounts=EJABBERD_ACCOUNTS if own else EJABBERD_ANYBODY, modules=EJABBERD_ROOMS if own else "") + self.more)
        libs = subprocess.run(["dpkg", "-L", "ejabberd"], check=True, capture_output=True, text=True).stdout
        libs = re.search("^(/.*)/ejabberd-[^/]*/ebin$", libs, re.M).group(1)
        # Erlang without a node name needs no port mapper, which would outlive it.
        self.launch(["erl", "-noinput", "-mnesia", "dir", f'"{home}"', "-s", "ejabberd"], env={
            "HOME": home, "ERL_LIBS": libs, "EJABBERD_CONFIG_PATH": config,
            "EJABBERD_LOG_PATH": os.path.join(home, "ejabberd.log"),
            "EJABBERD_PID_PATH": os.path.join(home, "ejabberd.pid"), "ERL_CRASH_DUMP_SECONDS": "0"})

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            said = f.read()
        path = os.path.join(self.folder, "ejabberd", "ejabberd.log")
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as f:
                said += f.read()
        return said


KINDS = {"prosody": Prosody, "ejabberd": Ejabberd}
