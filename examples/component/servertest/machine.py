"""A machine of its own to try what the pages say: this one's system, with systemd as its first
process, in namespaces of its own. What is changed in it, and what runs in it, is gone with it. It
reaches no network. It takes root and the right to mount, as in a virtual machine."""

import os
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKOUT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))

# Where things are in the machine: the checkout is another overlay, so that nothing is written into
# it. Go, and what it has fetched and built, is where it is here.
SOURCES = "/srv/muc"
SHARED = ("GOROOT", "GOMODCACHE", "GOCACHE")

BOOT = """
set -e
mount -t tmpfs tmpfs "$1"
layer() { # LOWER NAME ONTO
    mkdir -p "$base/$2/up" "$base/$2/work" "$3"
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$base/$2/up,workdir=$base/$2/work" "$3"
}
base=$1 root=$1/root
layer / system "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
layer "$2" checkout "$root$3"
shift 3
while [ $# -gt 0 ]; do
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1"
    shift
done
rm -rf "$root"/var/lib/apt/lists/* # what is installed is the newest there is
hostname muc
echo muc >"$root/etc/hostname"
echo "127.0.0.1 localhost muc" >"$root/etc/hosts"
ip link set lo up
mkdir "$root/old"
cd "$root"
pivot_root . old
umount -l old
mount --make-rshared / # as systemd expects it of who starts it
exec env -i container=muc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=basic.target
"""
SPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup")


def go_env(*names):
    return subprocess.run(["go", "env", *names], check=True, capture_output=True, text=True, cwd=CHECKOUT).stdout.split()


class Machine:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="muc-machine-")
        shared = dict(zip(SHARED, go_env(*SHARED)))
        for path in shared.values():
            assert not path.startswith(("/tmp/", "/run/")), f"{path} would be emptied when the machine starts"
        self.env = {"PATH": f"{shared['GOROOT']}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
                    "DEBIAN_FRONTEND": "noninteractive", "GOFLAGS": "-buildvcs=false", **shared}
        self.log = open(os.path.join(self.folder, "boot.log"), "wb")
        self.outer = subprocess.Popen(
            ["unshare", *SPACES, "--fork", "--kill-child", "bash", "-c", BOOT, "boot", self.folder, CHECKOUT, SOURCES,
             *shared.values()],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self.inner = self.first_process()
            self.wait_for_boot()
        except BaseException:
            self.stop()
            raise

    def first_process(self):
        for _ in range(200):
            assert self.outer.poll() is None, self.said()
            with open(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children", encoding="ascii") as f:
                children = f.read().split()
            if children:
                return children[0]
            time.sleep(0.05)
        raise AssertionError("unshare starts nothing")

    def wait_for_boot(self):
        for _ in range(600):
            assert self.outer.poll() is None, self.said()
            with open(f"/proc/{self.inner}/comm", encoding="ascii") as f:
                booted = f.read().strip() == "systemd"
            if booted and self.run("systemctl is-active --quiet basic.target", check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError(f"systemd does not start: {self.said()}")

    def said(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as f:
            return ("the machine cannot be made; it takes root and the right to mount:\n" + f.read())

    def command(self, script):
        # The working directory is that of the checkout, as the pages say.
        return ["nsenter", "--target", self.inner, *SPACES, "--root", "--wd", "env", "-i",
                *(f"{k}={v}" for k, v in self.env.items()), "bash", "-euc", f"cd {SOURCES}\n{script}"]

    def run(self, script, check=True, within=300):
        """Runs a script as root, and returns what it did."""
        done = subprocess.run(self.command(script), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=within, check=False)
        assert not check or done.returncode == 0, f"status {done.returncode} of\n{script}\n{done.stdout}"
        return done

    def start(self, script, log):
        """Runs a script in the background; what it says goes into a file of this folder."""
        with open(os.path.join(self.folder, log), "wb") as out:
            return subprocess.Popen(self.command(script), stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def write(self, path, text):
        subprocess.run(self.command(f"cat >'{path}'"), input=text, text=True, check=True)

    def read(self, path):
        return self.run(f"cat '{path}'").stdout

    def stop(self):
        self.outer.kill()
        self.outer.wait()
        self.log.close()
        subprocess.run(["rm", "-rf", self.folder], check=False)
