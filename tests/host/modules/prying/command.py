"""@pry: tries everything that a module must not be able to, and answers with what succeeded.

    @pry BOT      within the module's sandbox; BOT is the bot's process
    python3 command.py BOT      as root, without what would do harm: there all of it has to succeed
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

STATE = "/var/lib/matterbot"
CREDENTIALS = "/run/credentials/matterbot.service"
FILES = (
    "/etc/matterbot/config.yaml",
    "/etc/credstore/matterbot.token",
    f"{CREDENTIALS}/token",
    f"{STATE}/ledger.db",
    f"{STATE}/restart-marker.json",
    f"{STATE}/audit.jsonl",
)
FOLDERS = ("/etc/matterbot", "/etc/credstore", CREDENTIALS, STATE)
SOCKETS = ("/run/matterbot-modules.socket", "/run/matterward.socket")
PLACES = ("/etc/matterbot/new", f"{STATE}/new", "/usr/local/bin/new", "/opt/matterbot/commands/new")

PTRACE_ATTACH = 16
PTRACE_DETACH = 17


def read(path):
    with open(path, "rb") as file:
        file.read(1)


def own_credentials():
    folder = Path(os.environ["CREDENTIALS_DIRECTORY"])
    for path in folder.iterdir():
        read(path)


def connect(path):
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)


def write(path):
    with open(path, "x", encoding="utf-8"):
        os.unlink(path)


def trace(process):
    library = ctypes.CDLL(None, use_errno=True)
    if library.ptrace(PTRACE_ATTACH, process, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(process, 0)
    library.ptrace(PTRACE_DETACH, process, None, None)


def accept():
    """Calls of others could be taken at the socket of the host's unit, if it was inherited."""
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            inherited = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        with inherited:
            if inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return
    raise OSError("no socket here listens")


def command(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    if done.returncode != 0:
        raise OSError(done.stdout.decode(errors="replace"))


def to_read(bot):
    """What can be tried by anybody without harm, as (name, function, argument)."""
    for path in (*FILES, f"/proc/{bot}/environ", f"/proc/{bot}/mem"):
        # The first page of memory is nobody's, so of that only the opening counts.
        yield f"read {path}", (lambda path: open(path, "rb").close()) if path.endswith("/mem") else read, path
    for path in (*FOLDERS, f"/proc/{bot}/fd", f"/proc/{bot}/root/"):
        yield f"list {path}", os.listdir, path
    for path in PLACES:
        yield f"write {path}", write, path
    for path in SOCKETS[1:]:
        yield f"connect {path}", connect, path
    yield "trace the bot", trace, bot


def to_harm(bot):
    """What would end or disturb the bot."""
    yield "read its own credentials", lambda _: own_credentials(), None
    yield f"connect {SOCKETS[0]}", connect, SOCKETS[0]
    yield "kill the bot", lambda bot: os.kill(bot, signal.SIGTERM), bot
    for verb in ("stop", "restart", "kill"):
        words = ("systemctl", "--no-ask-password", verb, "matterbot.service")
        yield " ".join(words), lambda words: command(*words), words
    yield "accept", lambda _: accept(), None
    yield "become root", lambda _: os.setuid(0), None
    yield "run a unit", lambda words: command(*words), ("systemd-run", "--no-ask-password", "true")


def allowed():
    """What has to succeed, so that a failure of the rest means something."""
    yield "read the program", read, "/usr/local/bin/matterbot"
    yield "tell the load", read, "/proc/loadavg"
    yield "connect to the bus", connect, "/run/dbus/system_bus_socket"
    yield "ask systemd", lambda words: command(*words), ("systemctl", "is-active", "matterbot.service")
    yield "write at home", write, os.path.expanduser("~/new")


def succeeded(attempts):
    for name, function, argument in attempts:
        try:
            function(argument)
        except (OSError, KeyError):
            continue
        yield name


def process(command, channel, username, params, files, conn):
    bot = int(params[0])
    told = {
        "succeeded": list(succeeded((*to_read(bot), *to_harm(bot)))),
        "allowed": list(succeeded(allowed())),
        "environment": dict(os.environ),
        "user": [os.getuid(), os.geteuid(), *os.getgroups()],
    }
    return {"messages": [{"text": json.dumps(told)}]}


if __name__ == "__main__":
    tried = list(to_read(int(sys.argv[1])))
    done = list(succeeded(tried))
    print(json.dumps([name for name, _, _ in tried if name not in done]))
