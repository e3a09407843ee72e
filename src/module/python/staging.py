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

# Upstream calls the hooks of these modules, by their names; others say in HOOKS which functions are some.
KNOWN_FOR_HOOKS = ("watch", "welcome")

HOOK_DEFINITION = re.compile(r"^def (?:%s)\b" % "|".join(HOOKS), re.MULTILINE)

# The longest text of an exception, in characters.
TEXT_LIMIT = 300

# What may be quoted in a report: names, which hold no secrets.
NAME = re.compile(r"[A-Za-z_][\w.]{0,99}")

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
        # What is odd about it, and costs it no more than that.
        self.problems = []
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
        settings = Settings(files, self.problems)
        binds, channels = settings.words("BINDS"), settings.words("CHANS")
        self.process = getattr(command, "process", None)
        if not callable(self.process):
            raise Unfit("command.py has no function `process`")
        self._find_hooks(settings, command, package)
        self.own_process = any(getattr(each, "OWN_PROCESS", False) is True for each in (*files, command))
        # Upstream's loader writes what it found into the settings that the module made for itself.
        own = getattr(command, "settings", None)
        if own is not None:
            try:
                own.BINDS, own.CHANS = binds, channels
            except Exception:
                self.problems.append("its `settings`, %s, does not take BINDS and CHANS" % a(own))
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

    def _find_hooks(self, settings, command, package):
        """The functions that are told of what happens, with the numbers of their arguments."""
        wanted = settings.hooks()
        if wanted is None:
            wanted = HOOKS if self.name in KNOWN_FOR_HOOKS else ()
        elif not wanted:
            return
        found = find_hooks(command, package, self.place, os.path.basename(self.place)) if wanted else {}
        self.hooks = {name: hook for name, hook in found.items() if name in wanted}
        if wanted is not HOOKS:
            missing = [name for name in wanted if name not in found]
            self.problems.extend("HOOKS names %s, and there is no such function that can be one" % name for name in missing)

    def report(self, fingerprint):
        """The module as the module host stages it."""
        staged = {"name": self.name, "fingerprint": fingerprint, "problems": self.problems}
        if self.failure is not None:
            return {**staged, "own_process": False, "failure": self.failure}
        own_process = self.own_process or self.started_threads
        return {**staged, "own_process": own_process, "description": self.description}


class Settings:
    """The attributes of `settings.py` over those of `defaults.py`."""

    def __init__(self, files, problems):
        self._files = files
        self._problems = problems

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
        """The help of the module, under the empty key, and of its subcommands; what is none is left out."""
        value = self.get("HELP", {})
        if not isinstance(value, dict):
            self._problems.append("HELP is %s, not a dictionary, and is left out" % a(value))
            return {}
        found = {}
        for key, entry in value.items():
            try:
                found["" if key == "DEFAULT" else str(key)] = help_entry(entry)
            except Exception:
                which = "HELP[%r]" % key if isinstance(key, str) and NAME.fullmatch(key) else "an entry of HELP"
                self._problems.append("%s is no dictionary with the text 'desc', and is left out" % which)
        return found

    def hooks(self):
        """The names in HOOKS; none if it is not there."""
        value = self.get("HOOKS", None)
        if value is None:
            return None
        if isinstance(value, (list, tuple, set, frozenset)) and all(each in HOOKS for each in value):
            return sorted(value)
        self._problems.append("HOOKS is no list of names among %s, and is left out" % ", ".join(sorted(HOOKS)))
        return []

    def risk(self):
        """What a call may do, if the module says so."""
        value = self.get("RISK", "read")
        return value if isinstance(value, str) and value in RISKS else "read"


def help_entry(entry):
    """One entry of HELP; it is none if this raises something."""
    if not isinstance(entry, dict):
        raise TypeError
    arguments = entry.get("args")
    return {
        "description": str(entry.get("desc") or ""),
        "arguments": None if arguments is None else str(arguments),
    }


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
        with open(os.path.join(place, folder + ".py"), encoding="utf-8", errors="replace") as file:
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
    """Why a module cannot be called: a summary that a chat may show, and what only the log and the host may.

    What an exception says may hold anything, keys and passwords too: the summary is made of names alone.
    """
    if isinstance(error, Unfit):
        return {"summary": str(error), "trace": ""}
    trace = shorten("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    kind = type(error).__name__
    kind = kind if NAME.fullmatch(kind) else "an exception"
    missing = getattr(error, "name", None)
    if isinstance(error, ModuleNotFoundError) and isinstance(missing, str) and NAME.fullmatch(missing):
        return {"summary": "%s: No module named '%s'" % (kind, missing), "trace": trace}
    if isinstance(error, SyntaxError):
        kind += place_of(error)
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # It cannot tell itself.
        lines = []
    text = "%s: %s" % (type(error).__name__, lines[0]) if lines else kind
    return {"summary": kind, "text": text[:TEXT_LIMIT], "trace": trace}


def place_of(error):
    """Where code cannot be understood: the file's name and the line, as far as they are known."""
    file, line = error.filename, error.lineno
    name = os.path.basename(file) if isinstance(file, str) else ""
    if not name.endswith(".py") or not NAME.fullmatch(name) or not isinstance(line, int):
        return ""
    return " in %s, line %d" % (name, line)
