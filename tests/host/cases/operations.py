"""`docs/operations.md`, "It did not come back": each command is typed, and tells what the page says."""

from host import wait
from host.host import CONFIG, STATE, UNIT, Host
from host.registry import BOOKWORM, TRIXIE, case

SECONDS = 30
STATUS = ("systemctl", "status", "matterbot", "--no-pager")
JOURNAL = ("journalctl", "-u", "matterbot", "-n", "50", "--no-pager")
SHOW = ("systemctl", "show", "matterbot", "-p", "Result,ExecMainStatus,NRestarts")
CHECK = ("matterbot", "--config", CONFIG, "check")


def before(host: Host) -> None:
    host.install()


def said(host: Host, *command: str) -> str:
    done = host.run(*command, check=False)
    return done.stdout + done.stderr


def tells(host: Host, words: str, *command: str) -> None:
    """`command` says `words`."""
    text = said(host, *command)
    assert words in text, f"{' '.join(command)}: {text}"


@case(TRIXIE, BOOKWORM)
def a_broken_configuration(host: Host) -> None:
    host.serve()
    good = host.machine.path(CONFIG).read_text(encoding="utf-8")
    host.machine.path(CONFIG).write_text(good.replace('"cooldown": "0s"', '"cooldown": "soon"'), encoding="utf-8")
    host.run("systemctl", "restart", "matterbot", check=False)
    wait.until(lambda: host.get("ActiveState") == "failed", 20, "the end")
    tells(host, "status=78", *STATUS)
    for command in (JOURNAL, CHECK):
        tells(host, f"{CONFIG}:", *command)
    tells(host, "ExecMainStatus=78", *SHOW)
    host.configure()
    host.run("systemctl", "start", "matterbot")
    tells(host, "Connected to Mattermost", *STATUS)
    tells(host, "running: process", "matterbot", "--config", CONFIG, "status")
    tells(host, '"command":"@status"', "tail", "-n", "20", f"{STATE}/audit.jsonl")


@case(TRIXIE)
def a_program_that_is_gone(host: Host) -> None:
    host.serve()
    host.run("mv", "/usr/local/bin/matterbot", "/usr/local/bin/matterbot.away")
    try:
        host.run("systemctl", "restart", "matterbot", check=False)
        wait.until(lambda: "ExecMainStatus=203" in said(host, *SHOW), 20, "the failure")
        assert "203/EXEC" in said(host, *STATUS) or "203/EXEC" in said(host, *JOURNAL)
        assert "/usr/local/bin/matterbot" in said(host, *JOURNAL)
    finally:
        host.run("mv", "/usr/local/bin/matterbot.away", "/usr/local/bin/matterbot")
    host.run("systemctl", "stop", "matterbot", check=False)
    host.run("systemctl", "reset-failed", "matterbot", check=False)
    host.run("systemctl", "start", "matterbot")
    assert host.state() == "active/running"


@case(TRIXIE, BOOKWORM)
def somebody_stopped_it(host: Host) -> None:
    host.serve()
    host.run("systemctl", "stop", "matterbot")
    tells(host, "inactive (dead)", *STATUS)
    tells(host, f"Stopping {UNIT}", *JOURNAL)
    tells(host, "ExecMainStatus=0", *SHOW)
    tells(host, "not running", "matterbot", "--config", CONFIG, "status")
    host.run("systemctl", "start", "matterbot")
    host.answered()
