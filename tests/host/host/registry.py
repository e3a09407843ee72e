"""The cases: functions that take a host, in files by subject."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable

TRIXIE = "trixie"
"""Debian 13, systemd 257."""

BOOKWORM = "bookworm"
"""Debian 12, systemd 252: no Type=notify-reload, no RestartSteps=, no ImportCredential=."""

SUITES = (TRIXIE, BOOKWORM)


@dataclasses.dataclass
class Case:
    """One thing that is proved."""

    name: str
    run: Callable
    suites: tuple[str, ...]


@dataclasses.dataclass
class Subject:
    """Cases that share a machine, one after the other."""

    name: str
    suite: str
    cases: list[Case]
    before: Callable | None
    seconds: int


def case(*suites: str):
    """Makes a function a case for Debian 13, or for `suites`."""

    def mark(function):
        function.suites = suites or (TRIXIE,)
        return function

    return mark


def subjects(package, suite: str | None, names: list[str]) -> list[Subject]:
    """What is to be run: every subject of `package` that has a case for `suite` whose name contains one of `names`."""
    found = []
    for module in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module.name}")
        subject = module.__name__.rpartition(".")[2]
        functions = [function for function in vars(module).values() if hasattr(function, "suites")]
        for here in SUITES if suite is None else (suite,):
            cases = [
                Case(function.__name__, function, function.suites)
                for function in functions
                if here in function.suites and wanted(f"{here}/{subject}/{function.__name__}", names)
            ]
            if cases:
                before, seconds = getattr(module, "before", None), getattr(module, "SECONDS", 0)
                found.append(Subject(subject, here, cases, before, seconds))
    # The longest first, so that the last does not run alone.
    return sorted(found, key=lambda subject: subject.seconds, reverse=True)


def wanted(full: str, names: list[str]) -> bool:
    return not names or any(name in full for name in names)
