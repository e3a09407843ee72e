"""The folder of modules: what is in it, under which names it is imported, and what makes a module what it is.

Upstream puts the folder's parent first on the path and the folder itself last, so that one file can be imported as
`commands.watch.store` and as `watch.store`, and is then there twice, with two states. Here it is there once: whatever
only the folder can provide is an alias of what lies in the package.
"""

import hashlib
import importlib
import importlib.machinery
import importlib.util
import os
import re
import stat
import sys
import time

# Seconds. Compiled code knows whole ones, and some file systems count in twos.
YOUNG = 3.0

# The name that modules import their common helpers under, whatever the folder is called.
USUAL_PACKAGE = "commands"

# Folders that hold what others made; the module host passes over the same ones.
PASSED_OVER = ("__pycache__", "node_modules", "target")

# Folders of installed packages, which count as part of the interpreter.
INSTALLED = ("site-packages", "dist-packages")

# Statements that import, with the names behind `import`, over several lines if they stand in parentheses.
IMPORTS = re.compile(rb"^[ \t]*(?:from|import)\b[^\n(]*(?:\([^)]*\))?|import_module\([^)]*\)", re.MULTILINE)
WORD = re.compile(rb"\w+")


class Folder:
    """The modules below a folder: every folder that holds `command.py`, named by its own name in lower case."""

    def __init__(self, path):
        self.path = os.path.realpath(os.path.expanduser(path))
        self.parent = os.path.dirname(self.path)
        self.modules = {}
        self._shared = []
        # Where the interpreter keeps what is its own, as far as that may lie beside the folder.
        prefixes = {os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix)}
        self._library = {each for each in prefixes if is_below(each, self.parent) and each != self.parent}
        self._library.add(os.path.dirname(os.path.realpath(os.__file__)))
        self._scan()
        self._prepare_path()
        self.package = self._choose_package()
        sys.path_hooks.insert(0, self._path_hook)
        sys.path_importer_cache.clear()
        places = sys.meta_path
        places.insert(places.index(importlib.machinery.PathFinder), Finder(self))

    def _path_hook(self, path):
        """The code of modules is loaded by our own loader; every other path is left to Python."""
        if not self._is_ours(os.path.realpath(path)) or not os.path.isdir(path):
            raise ImportError("neither in the folder of modules nor beside it")
        return importlib.machinery.FileFinder(
            path,
            (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
            (Loader, importlib.machinery.SOURCE_SUFFIXES),
            (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
        )

    def _is_ours(self, place):
        """Whether code there is the modules': in their folder or beside it, and no package of the interpreter."""
        if is_below(place, self.path):
            return True
        if not is_below(place, self.parent) or set(INSTALLED).intersection(place.split(os.sep)):
            return False
        return not any(is_below(place, each) for each in self._library)

    def _scan(self):
        for place, folders, files in os.walk(self.path):
            folders[:] = walked(folders)
            name = os.path.basename(place).lower()
            if place != self.path and is_executable(os.path.join(place, "command")):
                folders.clear()  # A program; what lies below it is its own.
            elif place != self.path and "command.py" in files:
                # The host reports a second folder of one name.
                self.modules.setdefault(name, place)
            elif not self._owner(place):
                self._shared.append(place)

    def _owner(self, place):
        """The module that `place` belongs to, if it lies below one."""
        while len(place) > len(self.path):
            name = os.path.basename(place).lower()
            if self.modules.get(name) == place:
                return name
            place = os.path.dirname(place)
        return None

    def _prepare_path(self):
        # With `-c`, the first entry is empty and stands for the working directory.
        sys.path[:] = [entry for entry in sys.path if entry not in ("", self.parent, self.path)]
        sys.path.insert(0, self.parent)
        sys.path.append(self.path)

    def _choose_package(self):
        """The folder's name, unless that cannot be imported or is another package's."""
        name = os.path.basename(self.path)
        is_taken = not name.isidentifier() or name in sys.modules or self.is_elsewhere(name, self.parent)
        return USUAL_PACKAGE if is_taken and name != USUAL_PACKAGE else name

    def is_elsewhere(self, name, *ignored):
        """Whether something outside of this folder (and of `ignored`) provides the top-level name."""
        path = [entry for entry in sys.path if entry != self.path and entry not in ignored]
        return importlib.machinery.PathFinder.find_spec(name, path) is not None

    def fingerprints(self):
        """For each module a hash of all code that makes it what it is: its own, its siblings', what all share."""
        shared = hashlib.sha256((sys.executable + sys.version).encode())
        KEPT.clear()
        for place in self._shared:
            for name in sorted(os.listdir(place)):
                add(shared, os.path.join(place, name))
        own, uses = {}, {}
        for name, place in self.modules.items():
            own[name], words = hash_code(place)
            uses[name] = words.intersection(self.modules)
        found = {}
        for name in self.modules:
            whole = shared.copy()
            for each in sorted(reachable(name, uses)):
                whole.update(own[each])
            found[name] = whole.hexdigest()[:32]
        return found


def with_helpers(fingerprint):
    """The fingerprint, if code was imported that lies beside the folder of modules: with that."""
    helpers = sorted(path for path, kept in KEPT.items() if kept.is_extra)
    if not helpers:
        return fingerprint
    whole = hashlib.sha256(fingerprint.encode())
    for path in helpers:
        update(whole, path, KEPT[path].content)
    return whole.hexdigest()[:32]


def is_below(place, folder):
    """Whether a path is the folder, or in it."""
    return os.path.commonpath([folder, place]) == folder


def walked(folders):
    """Those of the folders that are looked into, in order."""
    return sorted(name for name in folders if name not in PASSED_OVER and not name.startswith("."))


def is_executable(path):
    """Whether it is a program, as the module host takes it."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and mode & 0o111 != 0


class Kept:
    """The content of a file of code when it was first read, and what told that version apart."""

    def __init__(self, path, is_extra):
        # What is no regular file may have no end, or no beginning.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            stats = os.fstat(file.fileno())
            if not stat.S_ISREG(stats.st_mode):
                raise OSError("not a regular file")
            self.version = version(stats)
            self.content = file.read()
        self.is_extra = is_extra


# What an interpreter has read of the modules' code, by path. It runs nothing else of these files, so that a helper that
# is imported late fits the code that imports it, even if it was saved anew meanwhile.
KEPT = {}


def version(stats):
    """What a file that is saved anew has another one of."""
    return (stats.st_mtime_ns, stats.st_size, stats.st_ino)


def add(digest, path):
    """Adds a file to the hash, if it is code; returns its content."""
    if not path.endswith(".py"):
        return b""
    try:
        kept = KEPT[path] = Kept(path, False)
    except OSError:  # Gone, or not for us; importing it will tell.
        return b""
    update(digest, path, kept.content)
    return kept.content


def update(digest, path, content):
    """Adds a file to the hash."""
    digest.update(b"%s\0%d\0" % (os.fsencode(path), len(content)))
    digest.update(content)


def hash_code(place):
    """The hash of the code below a folder, and the words of its import statements."""
    digest, words = hashlib.sha256(), set()
    for below, folders, files in os.walk(place):
        folders[:] = walked(folders)
        for name in sorted(files):
            content = add(digest, os.path.join(below, name))
            for statement in IMPORTS.findall(content):
                words.update(word.decode("ascii", "ignore").lower() for word in WORD.findall(statement))
    return digest.digest(), words


def reachable(name, uses):
    """The module and all that it imports, by way of others too."""
    found, left = set(), [name]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left.extend(uses[each])
    return found


class Loader(importlib.machinery.SourceFileLoader):
    """Runs what was kept of a file. Takes no compiled code for one that was saved a moment ago, and leaves none.

    Compiled code is known by its source's size and the second of its last change: of a file that is saved twice in one
    second it may be the first version's, and then old and new code would run together after a reload.
    """

    def path_stats(self, path):
        stats = super().path_stats(path)
        if path not in KEPT:
            KEPT[path] = Kept(path, True)
        if version(os.stat(path)) != KEPT[path].version:
            raise OSError("saved anew since it was kept")
        if time.time() - stats["mtime"] < YOUNG:
            raise OSError("too young to be told apart from what it was a moment ago")
        return stats

    def get_data(self, path):
        kept = KEPT.get(path)
        return super().get_data(path) if kept is None else kept.content


class Bare(Loader):
    """A folder without `__init__.py` as a package: nothing is run, and `importlib.resources` finds what lies in it."""

    def path_stats(self, path):
        raise OSError("there is no such file")

    def get_data(self, path):
        return b"" if path == self.path else super().get_data(path)


class Finder:
    """Finds the package of modules, the modules in it wherever they lie below the folder, and the aliases of both."""

    def __init__(self, folder):
        self.folder = folder
        self._provided = {}

    def find_spec(self, name, path=None, target=None):
        """As importlib asks a finder on `sys.meta_path`."""
        real = self._real_name(name)
        if real is None:
            return None
        if real != name:
            return importlib.util.spec_from_loader(name, Alias(real))
        _, _, inside = name.partition(".")
        place = self.folder.modules.get(inside) if inside else self.folder.path
        return package_spec(name, place) if place else None

    def _real_name(self, name):
        """The name in the package; none if something else is meant."""
        head, _, inside = name.partition(".")
        if head not in (self.folder.package, USUAL_PACKAGE):
            if not self._only_we_provide(head):
                return None
            inside = name
        module, dot, deeper = inside.partition(".")
        place = self.folder.modules.get(module.lower(), "")
        if os.path.basename(place) == module:
            module = module.lower()
        return "".join((self.folder.package, "." if module else "", module, dot, deeper))

    def _only_we_provide(self, head):
        if head not in self._provided:
            here = os.path.join(self.folder.path, head)
            is_here = head in self.folder.modules or os.path.isdir(here) or os.path.isfile(here + ".py")
            self._provided[head] = is_here and not self.folder.is_elsewhere(head)
        return self._provided[head]


class Alias:
    """Imports a module under another of its names."""

    def __init__(self, real):
        self.real = real
        self.spec = None

    def create_module(self, _spec):
        """The real module."""
        module = importlib.import_module(self.real)
        self.spec = module.__spec__
        return module

    def exec_module(self, module):
        """The module has run under its real name; the import system has just given it the alias's specification."""
        module.__spec__ = self.spec


def package_spec(name, place):
    """How to import the folder `place` as a package, with an `__init__.py` or without."""
    init = os.path.join(place, "__init__.py")
    is_there = os.path.isfile(init)
    loader = Loader(name, init) if is_there else Bare(name, init)
    spec = importlib.util.spec_from_file_location(name, init, loader=loader, submodule_search_locations=[place])
    # A package that has no file has no `__file__` either.
    spec.has_location = is_there
    return spec
