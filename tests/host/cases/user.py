"""The service of a user: installed without root, run by the user manager, and restarted by it."""

from host import wait
from host.host import UNIT, Host, configuration
from host.registry import BOOKWORM, TRIXIE, case

USER = "ada"
HOME = f"/home/{USER}"
BACK_WITHIN = 30


def before(host: Host) -> None:
    """A user who never saw the bot, with a manager that runs without a session."""
    if host.run("id", USER, check=False).returncode != 0:
        host.run("useradd", "--create-home", "--shell=/bin/bash", USER)
    host.run("loginctl", "enable-linger", USER)
    number = host.run("id", "-u", USER).stdout.strip()
    wait.until(lambda: host.machine.path(f"/run/user/{number}/bus").exists(), 20, "the user manager and its bus")
    mine(host, "systemctl", "--user", "disable", "--now", UNIT, check=False)
    host.run("rm", "-rf", *(f"{HOME}/{name}" for name in (".local", ".config")))


def mine(host: Host, *command: str, **options):
    return host.run(*command, user=USER, **options)


@case(TRIXIE, BOOKWORM)
def install_run_restart_and_uninstall(host: Host) -> None:
    said = mine(host, "/usr/local/bin/matterbot", "install", "--user").stdout
    assert "enable-linger" not in said, said
    modes = mine(host, "stat", "-c", "%a %U", f"{HOME}/.config/matterbot/config.yaml", f"{HOME}/.local/state/matterbot")
    assert modes.stdout.splitlines() == [f"600 {USER}", f"700 {USER}"], modes.stdout
    operators = [host.server.person("olga").id]
    token = {"password": host.server.bot_token}
    config = configuration(host.server.port, operators, "~/.local/state/matterbot", token)
    host.machine.path(f"{HOME}/.config/matterbot/config.yaml").write_text(config, encoding="utf-8")
    mine(host, "systemctl", "--user", "enable", "--now", UNIT)
    shown = host.machine.show(UNIT, "ActiveState", "MainPID", user=USER)
    assert shown["ActiveState"] == "active", shown
    host.answered()
    olga = host.server.person("olga")
    post = olga.say("@restart")
    olga.answer(post, "Back up. ✅", BACK_WITHIN)
    later = host.machine.show(UNIT, "ActiveState", "MainPID", "NRestarts", user=USER)
    assert later["NRestarts"] == "1" and later["MainPID"] != shown["MainPID"], (shown, later)
    host.run("test", "-e", f"{HOME}/.local/state/matterbot/ledger.db")
    said = mine(host, f"{HOME}/.local/bin/matterbot", "uninstall", "--user", "--purge").stdout
    left = host.run("find", HOME, "-name", "*matterbot*").stdout
    assert left == "", (said, left)


@case(TRIXIE)
def without_lingering_install_warns(host: Host) -> None:
    """Who is told to log out and find the bot gone would rather have known before."""
    host.run("loginctl", "disable-linger", USER)
    said = mine(host, "/usr/local/bin/matterbot", "install", "--user", "--dry-run").stdout
    assert "loginctl enable-linger" in said, said


@case(TRIXIE, BOOKWORM)
def without_lingering_check_warns(host: Host) -> None:
    mine(host, "/usr/local/bin/matterbot", "install", "--user")
    token = {"password": host.server.bot_token}
    config = configuration(host.server.port, [], "~/.local/state/matterbot", token)
    host.machine.path(f"{HOME}/.config/matterbot/config.yaml").write_text(config, encoding="utf-8")
    check = (f"{HOME}/.local/bin/matterbot", "--config", f"{HOME}/.config/matterbot/config.yaml", "check")
    said = mine(host, *check).stdout
    assert "enable-linger" not in said, said
    # With a session the manager goes on.
    session = ("--property=PAMName=login", f"--property=User={USER}")
    host.run("systemd-run", "--unit=session", "--collect", "--no-block", *session, "sleep", "infinity")
    sessions = ("loginctl", "show-user", USER, "--property=Sessions", "--value")
    wait.until(lambda: host.run(*sessions).stdout.strip(), 20, "a session")
    host.run("loginctl", "disable-linger", USER)
    for arguments in ((), ("--online",)):
        said = mine(host, *check, *arguments).stdout
        assert "loginctl enable-linger" in said, said
    host.run("systemctl", "stop", "session.service")
