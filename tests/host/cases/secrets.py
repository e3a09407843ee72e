"""Who can read what: the token and the state are the bot's alone."""

from host.host import CONFIG, CREDENTIAL, STATE, UNIT, Host
from host.registry import BOOKWORM, TRIXIE, case


def before(host: Host) -> None:
    host.install()
    host.serve()


def as_somebody(host: Host, *command: str):
    """Runs `command` as a user who has nothing to do with the bot."""
    return host.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command, check=False)


@case(TRIXIE, BOOKWORM)
def state_files_are_the_bots_alone(host: Host) -> None:
    olga = host.server.person("olga")
    post = olga.say("@restart")
    olga.answer(post, "Back up. ✅", 30)
    assert host.run("stat", "-c", "%a %U %G", STATE).stdout.strip() == "750 matterbot matterbot"
    listed = host.run("find", STATE, "-type", "f", "-printf", "%m %u %f\n").stdout.splitlines()
    modes = {line.split()[2]: line.split()[:2] for line in listed}
    for name in ("ledger.db", "audit.jsonl"):
        assert name in modes, modes
    wrong = {name: mode for name, mode in modes.items() if mode != ["600", "matterbot"]}
    assert not wrong, wrong
    for name in modes:
        assert as_somebody(host, "cat", f"{STATE}/{name}").returncode != 0, name


@case(TRIXIE)
def the_restart_marker_is_the_bots_alone(host: Host) -> None:
    """Looked at between the predecessor and the successor, and with it how the predecessor ended."""
    host.run("systemctl", "stop", UNIT)
    look = "stat -c '%%a %%U %%G %%h %%F' restart-marker.json > seen; echo $EXIT_CODE $EXIT_STATUS >> seen"
    host.drop_in(f'WorkingDirectory={STATE}\nExecStopPost=/bin/sh -c "{look}"')
    host.serve()
    olga = host.server.person("olga")
    post = olga.say("@restart")
    olga.answer(post, "Back up. ✅", 30)
    seen = host.run("cat", f"{STATE}/seen").stdout.splitlines()
    assert seen == ["600 matterbot matterbot 1 regular file", "exited 75"], seen


@case(TRIXIE, BOOKWORM)
def nobody_else_can_read_the_token(host: Host) -> None:
    token = host.server.bot_token
    pid = host.main_pid()
    for path in (CREDENTIAL, f"/run/credentials/{UNIT}/token", CONFIG, f"/proc/{pid}/environ", f"/proc/{pid}/mem"):
        read = as_somebody(host, "cat", path)
        assert read.returncode != 0, path
    for said in (
        as_somebody(host, "systemctl", "show", UNIT).stdout,
        as_somebody(host, "systemctl", "cat", UNIT).stdout,
        host.run("journalctl", "--no-pager", f"--unit={UNIT}").stdout,
        host.run("cat", f"/proc/{pid}/cmdline", f"/proc/{pid}/environ").stdout,
        host.run("sh", "-c", f"cat {STATE}/*").stdout,
    ):
        assert token not in said


@case(TRIXIE)
def the_bot_cannot_write_its_program_or_configuration(host: Host) -> None:
    pid = host.main_pid()
    # In the service's own namespace and as its user, which is all that a command in it could do.
    as_bot = ("setpriv", "--reuid=matterbot", "--regid=matterbot", "--clear-groups")
    enter = ("nsenter", "-t", str(pid), "-m", "--", *as_bot)
    for path in (CONFIG, "/usr/local/bin/matterbot", "/etc/matterbot/new", "/usr/local/bin/new"):
        written = host.run(*enter, "sh", "-c", f"echo >> {path}", check=False)
        assert written.returncode != 0, path
    host.run(*enter, "touch", f"{STATE}/new")
