"""JSON objects, one a line, over a stream socket; and the log as such lines."""

import json
import logging
import os
import threading

from matterbot_python.process import shorten

# The longest line that the module host reads (LINE_LIMIT of the protocol).
LINE_LIMIT = 64 * 1024 * 1024


class TooLong(Exception):
    """The line is longer than the module host reads."""


def encode(message):
    """The line of a message. Half of a surrogate pair is no UTF-8 and becomes a question mark."""
    text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    line = text.encode("utf-8", "replace") + b"\n"
    if len(line) > LINE_LIMIT:
        raise TooLong("%d bytes, more than %d" % (len(line), LINE_LIMIT))
    return line


class Channel:
    """One end of a socket; any thread may send."""

    def __init__(self, socket):
        self.socket = socket
        self._owner = os.getpid()
        self._sending = threading.Lock()

    def is_ours(self):
        """Whether this is the process that opened the channel, and no copy that a module forked."""
        return os.getpid() == self._owner

    def send(self, message):
        """Sends a whole line, or nothing."""
        line = encode(message)
        with self._sending:
            self.socket.sendall(line)


class LogLines(logging.Handler):
    """Sends what is logged as lines of the log."""

    def __init__(self, channel, module=""):
        super().__init__()
        self.channel = channel
        self.module = module

    def emit(self, record):
        # A copy of the process that a module forked may have been made while another thread held the lock.
        if not self.channel.is_ours():
            return
        try:
            text = self.format(record)
            if record.name not in ("MatterBot", "root"):
                text = "%s: %s" % (record.name, text)
            line = {"type": "log", "module": self.module, "level": level(record.levelno), "text": shorten(text)}
            self.channel.send(line)
        except Exception:  # As every handler: a line that cannot be logged must not fail who logs it.
            self.handleError(record)


def level(number):
    """The protocol's name of a level."""
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


def log_to(channel, module=""):
    """From now on everything that is logged in this process goes over `channel`."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, LogLines):
            root.removeHandler(handler)
    handler = LogLines(channel, module)
    root.addHandler(handler)
    return handler
