"""A bot that cannot start: it is tried less and less often, then left alone, and the status says why."""

import time

from host import wait
from host.host import STATE, UNIT, Host
from host.registry import TRIXIE, case

SECONDS = 240
GIVEN_UP_WITHIN = 240


def before(host: Host) -> None:
    host.install()


@case(TRIXIE)
def it_ends_in_failed_with_the_reason(host: Host) -> None:
    # Nothing that another start mends, and nothing that the bot can know to be for good.
    host.run("mkdir", "-p", f"{STATE}/audit.jsonl")
    host.run("chown", "-R", "matterbot:matterbot", STATE)
    begun = time.monotonic()
    host.run("systemctl", "start", "--no-block", UNIT)
    wait.until(lambda: host.get("ActiveState") == "failed", GIVEN_UP_WITHIN, "systemd to give up")
    shown = host.show("Result", "NRestarts", "StatusText", "ExecMainStatus")
    took = time.monotonic() - begun
    host.note(f"given up after {took:.0f} s: {shown['StatusText']}")
    # The program's own waits: 0, 1, 5, 15, 60 and 60 s.
    assert took > 120, took
    assert shown["ExecMainStatus"] == "1", shown
    assert "audit" in shown["StatusText"], shown
    assert "audit.jsonl" in host.journal()
    # An administrator mends it, and one command brings it back.
    host.run("rmdir", f"{STATE}/audit.jsonl")
    host.run("systemctl", "reset-failed", UNIT)
    host.run("systemctl", "start", UNIT, timeout=120)
    assert host.state() == "active/running"
