"""The unit file itself: systemd understands all of it, and its sandbox is as tight as is claimed."""

import re

from host.host import UNIT, Host
from host.registry import BOOKWORM, TRIXIE, case

EXPOSURE = 1.1
"""What `systemd-analyze security` may say at most; what remains is the network."""


def before(host: Host) -> None:
    host.install()


@case(TRIXIE, BOOKWORM)
def loads_without_a_warning(host: Host) -> None:
    verified = host.run("systemd-analyze", "verify", f"/etc/systemd/system/{UNIT}")
    assert verified.stdout + verified.stderr == "", verified.stderr
    assert host.get("LoadState") == "loaded"
    lines = ("--output=cat", "--grep", r"matterbot\.service:\d+:")
    about = host.run("journalctl", "--no-pager", *lines, check=False).stdout
    assert about == "", about


@case(TRIXIE, BOOKWORM)
def every_directive_counts(host: Host) -> None:
    """A directive that systemd skips would be a promise that nobody keeps."""
    wanted = {
        "Type": "notify",
        "Restart": "always",
        "RestartUSec": "100ms",
        "StartLimitIntervalUSec": "5min",
        "StartLimitBurst": "6",
        "SuccessExitStatus": "75",
        "RestartPreventExitStatus": "64 78",
        "KillMode": "mixed",
        "TimeoutStartUSec": "3min",
        "TimeoutStopUSec": "1min",
        "NotifyAccess": "main",
        "StateDirectory": "matterbot",
        "StateDirectoryMode": "0750",
        "User": "matterbot",
        "CanReload": "yes",
    }
    shown = host.show(*wanted)
    assert shown == wanted, {name: shown.get(name) for name in wanted if shown.get(name) != wanted[name]}


@case(TRIXIE, BOOKWORM)
def the_sandbox_is_tight(host: Host) -> None:
    for arguments in (("--offline=true", f"/etc/systemd/system/{UNIT}"), (UNIT,)):
        said = host.run("systemd-analyze", "security", "--no-pager", *arguments).stdout
        level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said).group(1))
        host.note(f"exposure {level} ({arguments[0]})")
        assert level <= EXPOSURE, said
