"""The process of one module: takes its calls from the channel, and runs each on a thread, as upstream does.

    channel ──reader──▶ call ──thread──▶ process(…) ──▶ result | error
               │                            │  ▲
               └──────── response ──────────┼──┘
                                            └─────────▶ request (conn)
"""

import atexit
import concurrent.futures
import concurrent.futures.thread
import json
import os
import sys
import traceback

from matterbot_python.answer import Malformed, messages
from matterbot_python.connection import Connection, Requests
from matterbot_python.process import forget_after_fork, shorten
from matterbot_python.wire import Channel, TooLong, log_to


def serve(module, socket, workers):
    """Serves calls until the module host closes the channel; then the process ends."""
    channel = Channel(socket)
    log_to(channel)
    forget_after_fork(socket)
    requests = Requests(channel)
    server = Server(module, channel, requests)
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=workers, thread_name_prefix="mb-cmd")
    try:
        with socket.makefile("rb") as lines:
            for line in lines:
                message = json.loads(line)
                if message.get("type") == "response":
                    requests.answer(message)
                elif message.get("type") in ("call", "hook"):
                    pool.submit(server.run, message)
    except ConnectionError:
        pass
    requests.give_up()
    end()


def end():
    """Ends the process as Python ends, but without waiting for threads that may never return."""
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


class Server:
    """Runs calls and hooks of one module."""

    def __init__(self, module, channel, requests):
        self._module = module
        self._channel = channel
        self._requests = requests

    def run(self, message):
        """Runs a call, or a hook, and says what came of it."""
        outcome = self._outcome(message)
        if not self._channel.is_ours():
            # The module forked, and its copy came back here: the answer is the original's.
            os._exit(0)
        try:
            self._channel.send(outcome)
        except TooLong as error:
            self._channel.send(failed(message, "malformed", "the answer is too long: %s" % error))
        except OSError:
            pass  # The module host is gone; the reader ends the process.

    def _outcome(self, message):
        try:
            found = self._call(message) if message["type"] == "call" else self._hook(message)
            return {"type": "result", "call": message["id"], "messages": found}
        except Malformed as error:
            return failed(message, "malformed", str(error))
        except BaseException as error:  # An `exit()` in a module ends its call, not its process.
            return failed(message, "raised", trace_of(error))

    def _call(self, call):
        conn = Connection(self._requests, call["id"])
        parameters, files = call.get("parameters", []), call.get("files", [])
        user = call.get("username", "")
        return messages(
            self._module.process(call["command"], call.get("channel", ""), user, parameters, files, conn)
        )

    def _hook(self, hook):
        function, count = self._module.hooks[hook["name"]]
        conn = Connection(self._requests, hook["id"])
        if hook["name"] == "scan_message":
            names = ("bot_id", "user_id", "channel_id", "channel", "username", "text")
        else:
            names = ("bot_id", "user_id", "channel_id")
        arguments = [conn, *(hook.get(name, "") for name in names)]
        function(*arguments[:count])
        return []


def failed(message, reason, trace):
    """The line that says that a call failed, and how; the trace is for the log alone."""
    return {"type": "error", "call": message["id"], "reason": reason, "trace": shorten(trace)}


def trace_of(error):
    """The traceback, even of an exception that cannot tell itself."""
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except BaseException:
        return type(error).__name__
