"""A token that the server refuses: the start waits, then ends with 78, and is not tried again."""

import time

from host import wait
from host.host import CREDENTIAL, UNIT, Host
from host.registry import TRIXIE, case

SECONDS = 160


def before(host: Host) -> None:
    host.install()


@case(TRIXIE)
def one_that_never_worked_ends_with_78(host: Host) -> None:
    host.machine.write(CREDENTIAL, "k1h7xqnd3fyw8mgqj5s9e6ro4a\n", 0o600)
    begun = time.monotonic()
    host.run("systemctl", "start", "--no-block", UNIT)
    # Longer than the 20 s after which a server that is down would be no reason to wait.
    wait.throughout(lambda: host.get("ActiveState") in ("activating", "inactive"), 25, "the start")
    assert "refuses the token" in host.get("StatusText"), host.get("StatusText")
    wait.until(lambda: host.get("ActiveState") == "failed", 400, "the end")
    host.note(f"given up after {time.monotonic() - begun:.0f} s")
    shown = host.show("Result", "ExecMainStatus", "NRestarts")
    assert shown == {"Result": "exit-code", "ExecMainStatus": "78", "NRestarts": "0"}, shown
