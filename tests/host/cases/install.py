"""`matterbot install` and `uninstall`: what they say is what they do, and what is not theirs they leave alone."""

from host.host import CONFIG, CREDENTIAL, MODULES, MODULES_STATE, STATE, UNIT, Host
from host.registry import BOOKWORM, TRIXIE, case

PLACES = (
    "/usr/local/bin/matterbot", "/etc/matterbot", CONFIG, STATE, "/etc/credstore", f"/etc/systemd/system/{UNIT}",
    "/etc/sysusers.d/matterbot.conf", "/etc/tmpfiles.d/matterbot.conf", MODULES_STATE,
    *(f"/etc/systemd/system/{unit}" for unit in MODULES),
)  # fmt: skip
PROGRAM = "/root/matterbot"
FOREIGN = "[Unit]\nDescription=MatterBot\n[Service]\nWorkingDirectory=/opt/matterbot\nExecStart=/bin/sleep infinity\n"


def before(host: Host) -> None:
    """A host that has never seen the bot, but for the program in root's home."""
    host.run("cp", "-n", "/usr/local/bin/matterbot", PROGRAM, check=False)
    host.run("systemctl", "disable", "--now", UNIT, check=False)
    host.run("rm", "-rf", *PLACES, CREDENTIAL, f"/etc/systemd/system/{UNIT}.old")
    host.run("systemctl", "daemon-reload")
    for user in ("matterbot", "matterbot-modules"):
        host.run("userdel", user, check=False)


def listing(host: Host) -> str:
    """What lies where the installation writes: modes, owners, sizes, times, names."""
    places = ("/etc", "/usr/local", "/var/lib")
    return host.run("find", *places, "-newer", PROGRAM, "-printf", "%M %u %g %s %T@ %p\n").stdout


@case(TRIXIE, BOOKWORM)
def a_dry_run_says_everything_and_changes_nothing(host: Host) -> None:
    earlier = listing(host)
    said = host.run(PROGRAM, "install", "--dry-run").stdout
    assert listing(host) == earlier
    for place in ("/usr/local/bin/matterbot", CONFIG, f"/etc/systemd/system/{UNIT}", "systemctl daemon-reload"):
        assert place in said, said
    assert "dry run" in said, said
    assert host.run("id", "matterbot", check=False).returncode != 0


@case(TRIXIE, BOOKWORM)
def install_makes_user_files_and_unit_with_their_modes(host: Host) -> None:
    said = host.run(PROGRAM, "install").stdout
    host.run("cmp", PROGRAM, "/usr/local/bin/matterbot")
    expected = {
        "/usr/local/bin/matterbot": "755 root root",
        "/etc/matterbot": "750 root matterbot",
        CONFIG: "640 root matterbot",
        STATE: "750 matterbot matterbot",
        "/etc/credstore": "700 root root",
        **{f"/etc/systemd/system/{unit}": "644 root root" for unit in (UNIT, *MODULES)},
    }
    for path, mode in expected.items():
        assert host.run("stat", "-c", "%a %U %G", path).stdout.strip() == mode, path
    assert host.get("LoadState") == "loaded"
    assert host.get("NeedDaemonReload") == "no"
    assert host.state() == "inactive/dead", "the configuration is not filled in yet"
    assert "systemctl enable --now matterbot" in said, said
    # What is still to be filled in is all that the configuration lacks.
    checked = host.run("matterbot", "--config", CONFIG, "check", check=False)
    said = checked.stdout + checked.stderr
    assert checked.returncode == 78, said
    errors = [line for line in said.splitlines() if ": error: " in line]
    assert len(errors) == 3 and all("is still the placeholder" in line for line in errors), said


@case(TRIXIE)
def a_second_install_changes_nothing(host: Host) -> None:
    host.run(PROGRAM, "install")
    host.run("sh", "-c", f"echo '# mine' >> {CONFIG}")
    earlier = listing(host)
    said = host.run(PROGRAM, "install").stdout
    assert listing(host) == earlier
    assert "write " not in said and "copy " not in said, said


@case(TRIXIE)
def modes_that_were_loosened_are_mended(host: Host) -> None:
    host.run(PROGRAM, "install")
    host.machine.write(CREDENTIAL, "token\n", 0o644)
    host.run("chmod", "0644", CONFIG)
    host.run(PROGRAM, "install")
    modes = host.run("stat", "-c", "%a %U %G", CONFIG, CREDENTIAL).stdout.splitlines()
    assert modes == ["640 root matterbot", "600 root root"], modes


@case(TRIXIE)
def a_unit_of_somebody_else_is_refused(host: Host) -> None:
    host.run("mkdir", "-p", "/opt/matterbot")
    host.machine.write(f"/etc/systemd/system/{UNIT}", FOREIGN)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", UNIT)
    earlier = listing(host)
    for command in (("install",), ("install", "--dry-run"), ("uninstall",), ("uninstall", "--purge")):
        refused = host.run(PROGRAM, *command, check=False)
        assert refused.returncode == 1, refused
        assert "was not written by `matterbot install`" in refused.stderr, refused.stderr
    assert listing(host) == earlier
    assert host.state() == "active/running"
    # The commands that it prints do what they say, as far as they are commands for a shell.
    refused = host.run(PROGRAM, "install", check=False).stderr
    commands = [line.strip() for line in refused.splitlines() if line.startswith("  ")]
    assert f"cp /opt/matterbot/config.yaml {CONFIG}" in commands, commands
    host.run("sh", "-ec", "\n".join(commands[: commands.index(f"{PROGRAM} install") + 1]))
    assert host.get("Type") == "notify"


@case(TRIXIE)
def a_masked_unit_is_refused(host: Host) -> None:
    host.run("systemctl", "mask", UNIT)
    refused = host.run(PROGRAM, "install", check=False)
    assert refused.returncode == 1 and f"systemctl unmask {UNIT}" in refused.stderr, refused
    host.run("systemctl", "unmask", UNIT)


@case(TRIXIE)
def only_root_installs_for_the_host(host: Host) -> None:
    host.run("cp", PROGRAM, "/usr/bin/matterbot-of-nobody")
    nobody = ("setpriv", "--reuid=65534", "--clear-groups")
    refused = host.run(*nobody, "/usr/bin/matterbot-of-nobody", "install", check=False)
    assert refused.returncode == 1 and "only root" in refused.stderr, refused
    assert host.run("test", "-e", CONFIG, check=False).returncode != 0


@case(TRIXIE, BOOKWORM)
def uninstall_keeps_state_and_purge_does_not(host: Host) -> None:
    host.run(PROGRAM, "install")
    host.machine.write(CREDENTIAL, "token\n", 0o600)
    host.run("touch", f"{STATE}/ledger.db")
    host.run("systemctl", "enable", UNIT)
    said = host.run(PROGRAM, "uninstall").stdout
    assert host.get("LoadState") == "not-found"
    for kept in (f"{STATE}/ledger.db", CONFIG, CREDENTIAL):
        host.run("test", "-e", kept)
    assert STATE in said, said
    places = ("/etc/systemd", "/etc/sysusers.d", "/etc/tmpfiles.d", "/usr/local/bin")
    left = host.run("find", *places, "-name", "matterbot*", check=False)
    assert left.stdout == "", left.stdout
    host.run(PROGRAM, "uninstall", "--purge")
    for gone in (STATE, "/etc/matterbot", CREDENTIAL):
        assert host.run("test", "-e", gone, check=False).returncode != 0, gone
    assert host.run("id", "matterbot", check=False).returncode != 0
    again = host.run(PROGRAM, "uninstall", "--purge").stdout
    assert again.strip() == "No service of this name is installed.", again
