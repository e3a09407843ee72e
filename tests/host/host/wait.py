"""Waiting for what must happen, and never longer than a deadline."""

import threading
import time

POLL = 0.02

stopping = threading.Event()
"""Set when the whole run is to end; every wait ends then too."""


class TooLate(AssertionError):
    """It did not happen in time."""


class Stopped(Exception):
    """The run was interrupted."""


def until(probe, seconds: float, what: str):
    """Asks `probe` until its answer is true, and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TooLate(f"waited {seconds:g} s for {what}; the last answer was {answer!r}")
        if stopping.wait(POLL):
            raise Stopped(f"interrupted while waiting for {what}")


def throughout(probe, seconds: float, what: str) -> None:
    """Asks `probe` for so long; it has to be true each time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert probe(), f"{what} did not hold for {seconds:g} s"
        if stopping.wait(POLL):
            raise Stopped(f"interrupted while watching {what}")
