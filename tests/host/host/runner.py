"""Runs subjects beside each other, each on a machine of its own, and tells what came out."""

import concurrent.futures
import threading
import time
import traceback
from pathlib import Path

from . import rootfs, wait
from .host import Host
from .machine import Machine
from .registry import Subject
from .server import Server

AT_ONCE = 4
"""Machines; they wait most of the time."""

printing = threading.Lock()


class Tally:
    """How many passed, how many failed."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def report(self, passed: bool, name: str, seconds: float, text: str = "") -> None:
        with printing:
            self.passed += passed
            self.failed += not passed
            print(f"{'ok  ' if passed else 'FAIL'} {name}  {seconds:.1f} s", flush=True)
            for line in text.splitlines():
                print(f"       {line}", flush=True)


def run(subjects: list[Subject], program: Path) -> Tally:
    """Runs everything; an interruption ends all of it, with nothing left behind."""
    tally = Tally()
    roots = {suite: rootfs.cached(suite, print) for suite in sorted({subject.suite for subject in subjects})}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(run_subject, subject, roots[subject.suite], program, tally) for subject in subjects]
        try:
            concurrent.futures.wait(running)
        except BaseException:
            wait.stopping.set()
            pool.shutdown(cancel_futures=True)
            raise
    for done in running:
        done.result()
    return tally


def run_subject(subject: Subject, root: Path, program: Path, tally: Tally) -> None:
    """Boots a machine and a server, and runs the cases in their order."""
    begun = time.monotonic()
    name = f"{subject.suite}/{subject.name}"
    try:
        with Server(program) as server, Machine(name.replace("/", "-").replace("_", "-"), root, program) as machine:
            for case in subject.cases:
                run_case(subject, case, Host(machine, server), tally)
    except wait.Stopped:
        return
    except Exception:
        tally.report(False, f"{name} (the machine)", time.monotonic() - begun, traceback.format_exc())


def run_case(subject: Subject, case, host: Host, tally: Tally) -> None:
    """Runs one case; its failure comes with what the host knows."""
    begun = time.monotonic()
    name = f"{subject.suite}/{subject.name}/{case.name}"
    since = host.run("date", "+%s.%N").stdout.strip()
    try:
        if subject.before is not None:
            subject.before(host)
        case.run(host)
    except wait.Stopped:
        raise
    except Exception:
        tally.report(False, name, time.monotonic() - begun, f"{traceback.format_exc()}\n{evidence(host, since)}")
    else:
        tally.report(True, name, time.monotonic() - begun, "\n".join(host.notes))


def evidence(host: Host, since: str) -> str:
    """The service as systemd sees it, and what it logged during the case."""
    try:
        lines = ("--output=short-precise", f"--since=@{since}")
        journal = host.run("journalctl", "--no-pager", *lines, check=False).stdout
        return f"state: {host.state()}\n{journal[-6000:]}"
    except Exception as error:
        return f"nothing more is known: {error}"
