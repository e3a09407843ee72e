"""The process that imports the modules, tells the module host of them, and forks when it is asked to."""

import _thread
import array
import collections
import faulthandler
import gc
import json
import logging
import os
import platform
import select
import signal
import socket
import sys

from matterbot_python import process, serving, staging, wire
from matterbot_python.folder import Folder, with_helpers

# A fork gets three descriptors: its channel, its standard output, its standard error.
DESCRIPTORS = 3


class Importer:
    """One attempt to import everything, and what follows if it comes to the end."""

    def __init__(self, control, order):
        self._control = wire.Channel(control)
        self._kept = Kept()
        self._folder = Folder(order["folder"])
        self._workers = order.get("workers", 8)
        only = order.get("only")
        # One that is alone is not forked, but served by this very process, whose threads then stay.
        self._is_alone = only is not None and len(only) == 1
        self._names = sorted(name for name in self._folder.modules if only is None or name in only)
        # Taken before the import: what is saved meanwhile is another state, which the next reload is to see.
        self._fingerprints = self._folder.fingerprints()
        self._modules = {}

    def run(self, set_aside, report, output, patience):
        """Imports all modules but those that were `set_aside`, and takes orders until the module host is gone."""
        process.forget_after_fork(self._control.socket)
        os.register_at_fork(after_in_child=report.close)
        self._import_all(set_aside, report, output, patience)
        with_threads = {each.name: each.report("") for each in self._modules.values() if each.started_threads}
        if with_threads and _thread._count() and not self._is_alone:
            tell(report, {"type": "set_aside", "modules": with_threads})
            return
        tell(report, {"type": "complete"})
        report.close()
        wire.log_to(self._control)
        for line in self._kept.lines:
            self._control.send(line)
        self._control.send(self._imported(set_aside))
        Orders(self._control, self._modules, self._workers, self._is_alone).run()

    def _import_all(self, set_aside, report, output, patience):
        logging.getLogger().setLevel(logging.INFO)
        log = wire.log_to(self._kept)
        surroundings = process.Surroundings(self._folder.parent)
        gc.disable()  # What is imported stays; looking for garbage among it takes a tenth of the time.
        usual = [os.dup(number) for number in (1, 2)]
        for number in (1, 2):
            os.dup2(output, number)
        for name in self._names:
            if name in set_aside:
                continue
            tell(report, {"type": "importing", "module": name})
            log.module = name
            faulthandler.dump_traceback_later(patience, exit=True, file=output)
            place = self._folder.modules[name]
            self._modules[name] = staging.Module(self._folder.package, name, place, self._workers)
            faulthandler.cancel_dump_traceback_later()
            surroundings.restore()
            self._log_output(name, output)
        log.module = ""
        for number in (1, 2):
            process.replace(usual[number - 1], number)
        faulthandler.enable(2)
        gc.freeze()
        gc.enable()

    def _log_output(self, name, output):
        """Logs what the import printed, and makes room for the next."""
        sys.stdout.flush()
        sys.stderr.flush()
        text = process.read_ends(output).rstrip()
        if text:
            text = process.shorten("printed while it was imported: " + text)
            self._kept.send({"type": "log", "module": name, "level": "info", "text": text})
        os.ftruncate(output, 0)
        os.lseek(output, 0, os.SEEK_SET)

    def _imported(self, set_aside):
        modules = []
        for name in self._names:
            fingerprint = with_helpers(self._fingerprints[name])
            if name in self._modules:
                modules.append(self._modules[name].report(fingerprint))
            else:
                modules.append({**set_aside[name], "name": name, "fingerprint": fingerprint})
        python = "%s (%s)" % (sys.executable, platform.python_version())
        return {"type": "imported", "python": python, "modules": modules}


class Kept:
    """Keeps what is logged until it is known that this attempt comes to the end; else the next would log it again."""

    def __init__(self):
        self.lines = []
        self._owner = os.getpid()

    def is_ours(self):
        """Whether this is the process that keeps, and no copy that a module forked."""
        return os.getpid() == self._owner

    def send(self, line):
        """Keeps a line."""
        self.lines.append(line)


def tell(report, message):
    """Tells the keeper."""
    report.write(json.dumps(message) + "\n")
    report.flush()


class Orders:
    """Takes the module host's orders, and tells of forks that ended."""

    def __init__(self, control, modules, workers, is_alone):
        self._control = control
        self._modules = modules
        self._workers = workers
        self._is_alone = is_alone
        self._received = b""
        self._descriptors = collections.deque()
        # What becomes readable when a fork ends, with its module and process.
        self._forks = {}

    def run(self):
        """Until the module host closes the control."""
        while True:
            readable, _, _ = select.select([self._control.socket, *self._forks], [], [], None)
            for each in readable:
                if each is not self._control.socket:
                    self._reap(each)
                elif not self._receive():
                    return

    def _receive(self):
        """Takes what has arrived; false if nothing will arrive any more."""
        space = socket.CMSG_SPACE(DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self._control.socket.recvmsg(65536, space, socket.MSG_CMSG_CLOEXEC)
        except ConnectionError:
            return False
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptors.append(list(array.array("i", content)))
        self._received += data
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            order = json.loads(line)
            if order.get("type") == "fork":
                self._fork(order["module"], order.get("process"), self._descriptors.popleft())
        return bool(data)

    def _fork(self, name, number, descriptors):
        """Makes the process of a module: a fork, or this process itself if it imported that module alone.

        The module host numbers processes, since it may have given up one and ordered another.
        """
        told = {"module": name, "process": number}
        module = self._modules.get(name)
        try:
            if module is None or module.failure is not None:
                raise staging.Unfit("it is not imported in this interpreter")
            if self._is_alone:
                self._control.send({**told, "type": "forked", "pid": os.getpid()})
                self._become(module, descriptors)
            if module.own_process:
                raise staging.Unfit("it needs an interpreter of its own")
            child = self._make_child(module, descriptors)
        except (staging.Unfit, OSError) as error:
            self._control.send({**told, "type": "fork_failed", "reason": str(error)})
        else:
            self._control.send({**told, "type": "forked", "pid": child})
        for descriptor in descriptors:
            os.close(descriptor)

    def _make_child(self, module, descriptors):
        """Forks; the child's end will be told."""
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            process.die_with(parent)
            self._become(module, descriptors)
        try:
            self._forks[process.watch(child)] = (module.name, child)
        except OSError:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        return child

    def _become(self, module, descriptors):
        """From here on this is the process of the module; it does not return."""
        for fork in self._forks:
            os.close(fork)
        # By its session and this variable the module host finds what it starts, after it has ended too.
        os.setsid()
        os.environ["MATTERBOT_MODULE_PID"] = str(os.getpid())
        process.name_itself(module.name)
        channel, output, errors = descriptors
        process.replace(output, 1)
        process.replace(errors, 2)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        random = sys.modules.get("numpy.random")  # Python's own reseeds itself after a fork.
        if random is not None:
            random.seed()
        try:
            serving.serve(module, socket.socket(fileno=channel), self._workers)
        finally:
            sys.excepthook(*sys.exc_info())
            os._exit(1)

    def _reap(self, fork):
        name, child = self._forks.pop(fork)
        os.close(fork)
        _, status = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(status)
        self._control.send({"type": "ended", "module": name, "pid": child, "status": status})
