"""The interpreter: imports all modules once, and forks a process for each that is called.

    module host ══ control ══ keeper ──fork──▶ importer ──fork──▶ process of a module ══ channel ══ module host
                                 ▲                │
                                 └──── report ────┘

Importing runs other people's code, which may crash, hang or end the process that imports it. So the keeper, which
imports nothing, forks an importer that does, and hears from it which module it is at. If the importer ends, that module
has failed, and another importer goes on without it. Modules that left threads running are set aside in the same way,
since a process with threads must not be forked: each of them gets an interpreter of its own. The importer that came to
the end reports to the module host and takes orders from it; the keeper only waits for its end.
"""

import faulthandler
import json
import os
import socket
import sys
import time

from matterbot_python import process

# How long one module may take to be imported, unless the order says otherwise.
PATIENCE_MS = 30_000

# Within this time all is to be imported, even where many modules hang (those that ask a server which is away): each of
# them leaves the next ones less, but never less than a small part of what one may take.
ALTOGETHER_MS = 240_000
SHARE = 6
LEAST = 1 / 30


def main(load):
    """Reads the order to import from the standard input, and does what is asked until the module host closes it.

    `load` runs the other files of the script. The keeper, which stays for as long as the importer, has no use for them.
    """
    control = socket.socket(fileno=os.dup(0))
    process.replace(os.open(os.devnull, os.O_RDONLY), 0)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace", line_buffering=True)
    order = read_order(control)
    if order is not None:
        Keeper(control, order, load).run()


def read_order(control):
    """The first line, the only one before the modules are imported; none if the module host is gone."""
    line = b""
    while not line.endswith(b"\n"):
        part = control.recv(65536)
        if not part:
            return None
        line += part
    return json.loads(line)


class Keeper:
    """Forks importers until one comes to the end."""

    def __init__(self, control, order, load):
        self._control = control
        self._order = order
        self._load = load
        reason = "not imported: an interpreter ended while it imported this module"
        self._set_aside = {name: failed(reason) for name in order.get("skip") or ()}
        self._most = (order.get("patience_ms") or PATIENCE_MS) / 1000
        self._until = time.monotonic() + (order.get("altogether_ms") or ALTOGETHER_MS) / 1000
        self._patience = self._most

    def run(self):
        """Ends as the last importer ends."""
        while True:
            share = (self._until - time.monotonic()) / SHARE
            self._patience = min(self._most, max(share, self._most * LEAST))
            output = process.temporary_file()
            read, write = os.pipe()
            keeper = os.getpid()
            importer = os.fork()
            if importer == 0:
                os.close(read)
                process.die_with(keeper)
                self._import(os.fdopen(write, "w"), output)
            os.close(write)
            is_complete = self._listen(read, importer, output)
            os.close(output)
            if is_complete:
                self._control.close()
                _, status = os.waitpid(importer, 0)
                os._exit(abs(os.waitstatus_to_exitcode(status)))

    def _import(self, report, output):
        """What the importer does, to its end."""
        try:
            faulthandler.enable(output)
            importer = self._load("matterbot_python.importer").Importer(self._control, self._order)
            importer.run(self._set_aside, report, output, self._patience)
            os._exit(0)
        finally:
            sys.excepthook(*sys.exc_info())
            os._exit(1)

    def _listen(self, read, importer, output):
        """Whether the importer came to the end; if not, it is over, and what it could not import is set aside."""
        current = None
        with os.fdopen(read) as lines:
            for line in lines:
                message = json.loads(line)
                if message["type"] == "complete":
                    return True
                current = message.get("module")
                self._set_aside.update(message.get("modules", {}))
        _, status = os.waitpid(importer, 0)
        if current is not None:
            self._set_aside[current] = self._post_mortem(status, output)
        elif status != 0:
            sys.exit("the interpreter ended while it imported no module: %s" % process.in_words(status))
        return False

    def _post_mortem(self, status, output):
        """Why the import of a module ended the process."""
        trace = process.shorten(process.read_ends(output))
        if "Timeout (" in trace and status == 1 << 8:
            return failed("its import did not end within %.3g s" % self._patience, trace)
        return failed("its import ended the interpreter (%s)" % process.in_words(status), trace)


def failed(summary, trace=""):
    """A module that could not be imported."""
    return {"own_process": False, "failure": {"summary": summary, "trace": trace}}
