"""A bot that cannot start: it is tried less and less often, then left alone, and somebody can see why."""

import time

from host import wait
from host.host import STATE, UNIT, Host
from host.registry import BOOKWORM, TRIXIE, case

SECONDS = 270
GIVEN_UP_WITHIN = 240


def before(host: Host) -> None:
    host.install()


def given_up(host: Host) -> bool:
    return host.get("ActiveState") == "failed"


def brought_back(host: Host) -> None:
    """What was wrong is mended, and one command brings it back."""
    host.run("systemctl", "reset-failed", UNIT)
    host.run("systemctl", "start", UNIT, timeout=120)
    assert host.state() == "active/running"


def started_before(host: Host) -> None:
    """It has been up, and what it did then does not count."""
    host.start()
    host.run("systemctl", "stop", UNIT)
    host.run("systemctl", "reset-failed", UNIT)


@case(TRIXIE, BOOKWORM)
def it_ends_in_failed_with_the_reason(host: Host) -> None:
    """Another bot on the same state: it may end at any time, so that each start tries again."""
    started_before(host)
    begun = time.monotonic()
    host.run("systemd-run", "--unit=other", "--collect", "flock", f"{STATE}/matterbot.lock", "sleep", "infinity")
    host.run("systemctl", "start", "--no-block", UNIT)
    wait.until(lambda: given_up(host), GIVEN_UP_WITHIN, "systemd to give up")
    shown = host.show("StatusText", "ExecMainStatus", "NRestarts")
    host.note(f"given up after {time.monotonic() - begun:.0f} s: {shown['StatusText']}")
    assert shown["ExecMainStatus"] == "1" and shown["NRestarts"] == "6", shown
    assert f"{STATE} is in use by" in shown["StatusText"], shown
    host.run("systemctl", "stop", "other.service")
    brought_back(host)


@case(TRIXIE)
def crashes_are_waited_out_longer_and_longer(host: Host) -> None:
    """Each start dies before it is ready: there is no server, so there is time to kill it."""
    started_before(host)
    host.server.stop()
    host.run("systemctl", "start", "--no-block", UNIT)
    begun = time.monotonic()
    while time.monotonic() < begun + GIVEN_UP_WITHIN and not given_up(host):
        shown = host.show("StatusText", "MainPID")
        # Else it waits for its turn.
        if shown["StatusText"].startswith("Not connected") and shown["MainPID"] != "0":
            host.run("kill", "-ABRT", shown["MainPID"], check=False)
            wait.until(lambda pid=shown["MainPID"]: host.get("MainPID") != pid, 10, "the end")
    took = time.monotonic() - begun
    host.note(f"given up after {took:.0f} s")
    assert given_up(host)
    # The program's own waits: 0, 1, 5, 15, 60 and 60 s.
    assert took > 120, took
    assert "Earlier starts failed, so this one waits 60 s" in host.journal()
    host.server.start()
    brought_back(host)
