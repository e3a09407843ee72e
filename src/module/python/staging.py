"""Imports one module and makes out what it says of itself: upstream's `defaults.py`, `settings.py`, `command.py`."""

import _thread
import importlib
import inspect
import os
import re
import traceback

from matterbot_python.process import shorten

# The types of indicators that `accepts` may name; others are dropped, as upstream does.
INDICATORS = ("ip", "ipv6", "cidr", "domain", "url", "md5", "sha1", "sha256")

RISKS = ("read", "act", "dangerous")

# The functions that the bot calls when something happens, with the number of positional arguments that are tried.
HOOKS = {"scan_message": (7,), "on_join": (4,), "reconcile": (2, 1)}

HOOK_DEFINITION = re.compile(r"^def (?:%s)\b" % "|".join(HOOKS), re.MULTILINE)

# The longest sentence of a report, in characters.
SUMMARY_LIMIT = 300

ABSENT = object()


class Unfit(Exception):
    """The module was imported, but cannot be called; the text says why, for whoever runs the bot."""


class Module:
    """An imported module: what to call, and what to report."""

    def __init__(self, package, name, place, workers):
        self.name = name
        self.place = place
        self.process = None
        self.hooks = {}
        self.own_process = False
        self.description = None
        self.failure = None
        threads = _thread._count()
        try:
            self._load("%s.%s" % (package, name), workers)
        except BaseException as error:  # An `exit()` among the imports costs this module, and no other.
            self.failure = failure(error)
        self.started_threads = _thread._count() > threads

    def _load(self, package, workers):
        if "." in self.name:
            raise Unfit("the folder's name has a dot in it, and cannot be imported by Python: rename the folder")
        files = [import_optional(package, self.place, name) for name in ("settings", "defaults")]
        command = importlib.import_module(package + ".command")
        # The name of a folder that differs in case is imported in lower case, as upstream names it.
        settings = Settings(files)
        binds, channels = settings.words("BINDS"), settings.words("CHANS")
        self.process = getattr(command, "process", None)
        if not callable(self.process):
            raise Unfit("command.py has no function `process`")
        self.hooks = find_hooks(command, package, self.place, os.path.basename(self.place))
        self.own_process = any(getattr(each, "OWN_PROCESS", False) is True for each in (*files, command))
        # Upstream's loader writes what it found into the settings that the module made for itself.
        own = getattr(command, "settings", None)
        if own is not None:
            own.BINDS, own.CHANS = binds, channels
        self.description = {
            "protocol": 1,
            "binds": binds,
            "channels": channels,
            "help": settings.help(),
            "accepts": normalised(getattr(self.process, "accepts", None)),
            "risk": settings.risk(),
            "concurrency": workers,
            "hooks": sorted(self.hooks),
        }

    def report(self, fingerprint):
        """The module as the module host stages it."""
        staged = {"name": self.name, "fingerprint": fingerprint}
        if self.failure is not None:
            return {**staged, "own_process": False, "failure": self.failure}
        own_process = self.own_process or self.started_threads
        return {**staged, "own_process": own_process, "description": self.description}


class Settings:
    """The attributes of `settings.py` over those of `defaults.py`."""

    def __init__(self, files):
        self._files = files

    def get(self, name, default=ABSENT):
        """The attribute, from the first file that has it."""
        for file in self._files:
            value = getattr(file, name, ABSENT)
            if value is not ABSENT:
                return value
        return default

    def words(self, name):
        """A list of strings that has to be there."""
        value = self.get(name)
        if value is ABSENT:
            raise Unfit("%s is missing: defaults.py or settings.py has to set it to a list of strings" % name)
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise Unfit("%s has to be a list of strings, and is %s" % (name, a(value)))
        for word in value:
            if not isinstance(word, str):
                raise Unfit("%s has to be a list of strings, and holds %s" % (name, a(word)))
        return sorted(value) if isinstance(value, (set, frozenset)) else list(value)

    def help(self):
        """The help of the module, under the empty key, and of its subcommands."""
        value = self.get("HELP", {})
        if not isinstance(value, dict):
            raise Unfit("HELP has to be a dictionary, and is %s" % a(value))
        found = {}
        for key, entry in value.items():
            if not isinstance(entry, dict):
                raise Unfit("HELP[%r] has to be a dictionary with the key 'desc', and is %s" % (key, a(entry)))
            arguments = entry.get("args")
            found["" if key == "DEFAULT" else str(key)] = {
                "description": str(entry.get("desc") or ""),
                "arguments": None if arguments is None else str(arguments),
            }
        return found

    def risk(self):
        """What a call may do, if the module says so."""
        value = self.get("RISK", "read")
        return value if isinstance(value, str) and value in RISKS else "read"


def a(value):
    """The type of a value in words."""
    name = type(value).__name__
    return "None" if value is None else "%s %s" % ("an" if name[:1] in "aeiou" else "a", name)


def import_optional(package, place, name):
    """The module's file `name`, or none if it has none."""
    if not os.path.exists(os.path.join(place, name + ".py")):
        return None
    return importlib.import_module("%s.%s" % (package, name))


def normalised(accepts):
    """The known types among those that a module takes; none at all: it takes anything."""
    if not isinstance(accepts, (list, tuple, set, frozenset)):
        return None
    return [each for each in INDICATORS if each in accepts] or None


def find_hooks(command, package, place, folder):
    """The hooks that `command.py` or the file named as its folder defines, with their number of arguments."""
    files = [command]
    try:
        with open(os.path.join(place, folder + ".py"), encoding="utf-8") as file:
            if HOOK_DEFINITION.search(file.read()):
                files.append(importlib.import_module("%s.%s" % (package, folder)))
    except FileNotFoundError:
        pass
    found = {}
    for file in files:
        for name, counts in HOOKS.items():
            function = getattr(file, name, None)
            if getattr(function, "__module__", None) != file.__name__:
                continue  # Imported from somewhere else, or no function.
            count = next((count for count in counts if takes(function, count)), None)
            if count is not None:
                found.setdefault(name, (function, count))
    return found


def takes(function, count):
    """Whether it can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def failure(error):
    """Why a module cannot be called, for a report and for the log."""
    if isinstance(error, Unfit):
        return {"summary": str(error), "trace": ""}
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        text = str(error).strip().splitlines()
    except Exception:  # It cannot tell itself.
        text = []
    kind = type(error).__name__
    summary = "%s: %s" % (kind, text[0]) if text else kind
    return {"summary": summary[:SUMMARY_LIMIT], "trace": shorten(trace)}
