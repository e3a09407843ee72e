"""Root file systems of Debian releases, made once and kept outside of the repository."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "libpam-systemd",
    "dbus",
    "dbus-user-session",
    "ca-certificates",
    "procps",
    "python3",
    "s6",
)
"""What a host needs beside Debian's smallest installation; for the user manager, dbus-user-session."""

CONTAINERS = ("podman", "crun", "netavark", "aardvark-dns", "uidmap")
"""Quadlet came with podman 4.4, which Debian 12 has not."""

MASKED = (
    "systemd-firstboot.service",
    "podman.service",
    "podman-auto-update.service",
    "podman-clean-transient.service",
    "podman-restart.service",
)
"""The first would wait for a terminal that nobody sits at; the others are for hosts with containers of their own."""

MAKING_TAKES_AT_MOST = 900
"""Seconds; a slow mirror is no failure, one that hangs is."""


class CannotMake(Exception):
    """The root file system could not be made; the text says why."""


def cached(suite: str, log) -> Path:
    """The root file system of `suite`, which is made if this machine has none; nobody may change it."""
    key = hashlib.sha256("\n".join((suite, *packages(suite), *MASKED)).encode()).hexdigest()[:12]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matterbot" / "host"
    base.mkdir(parents=True, exist_ok=True)
    root = base / f"{suite}-{key}"
    with exclusive(base / f"{suite}.lock"):
        if not root.is_dir():
            log(f"making the root file system of Debian {suite}; this is done once")
            make(suite, root)
    return root


def packages(suite: str) -> tuple[str, ...]:
    """What is installed on a host of `suite`."""
    return PACKAGES if suite == "bookworm" else PACKAGES + CONTAINERS


@contextlib.contextmanager
def exclusive(path: Path):
    """Holds a lock, so that two runs do not make the same thing."""
    with open(path, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(suite: str, root: Path) -> None:
    """Installs Debian beside its place, and moves it there only when it is complete."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{suite}-", dir=root.parent))
    try:
        # A directory of its own, because a system's root directory is open to everybody and mkdtemp's is not.
        tree = scratch / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages(suite))}", suite, str(tree), mirror()]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=MAKING_TAKES_AT_MOST
        )
        if done.returncode != 0:
            raise CannotMake(f"debootstrap ended with {done.returncode}:\n{done.stdout[-2000:]}")
        prepare(tree)
        tree.rename(root)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def prepare(tree: Path) -> None:
    """What the copies have in common: packages are not kept, and each boot is its machine's first."""
    shutil.rmtree(tree / "var/cache/apt/archives", ignore_errors=True)
    shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)
    (tree / "etc/machine-id").write_text("uninitialized\n", encoding="utf-8")
    for unit in MASKED:
        mask = tree / "etc/systemd/system" / unit
        if not mask.is_symlink():
            mask.symlink_to("/dev/null")


def mirror() -> str:
    """The address of Debian's main archive that apt itself uses on this machine."""
    answer = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    for line in answer.splitlines():
        label, component, address = line.split(" ", 2)
        if (label, component) == ("Debian", "main"):
            return address
    raise CannotMake("apt knows no Debian archive on this machine: its sources name none with the component main")
