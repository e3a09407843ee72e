"""The command modules in a unit of their own: they serve, end with the bot, and reach nothing of the bot's."""

import contextlib
import json
import re
import time
from pathlib import Path

from host import wait
from host.host import CONFIG, CREDENTIAL, STATE, UNIT, Host
from host.registry import BOOKWORM, TRIXIE, case

SECONDS = 100
SOCKET = "matterbot-modules.socket"
SERVICE = "matterbot-modules.service"
USER = "matterbot-modules"
HOME = "/var/lib/matterbot-modules"
DROP_IN = f"/etc/systemd/system/{SERVICE}.d/10-folders.conf"
FOLDER = "/opt/matterbot/commands"
TESTS = Path(__file__).resolve().parents[1]
EXPOSURE = 1.2
"""What `systemd-analyze security` may say at most; what remains is the network, and that interpreters compile."""
BACK_WITHIN = 30
SUPERVISORS = re.compile("MATTERBOT_|CREDENTIALS|NOTIFY|WATCHDOG|LISTEN_|INVOCATION_ID|JOURNAL_|SYSTEMD_|MAINPID")
"""Variables that are no business of modules; which process a module is, it may know."""


def before(host: Host) -> None:
    if host.server.process is None:
        host.server.start()
    host.install()
    host.run("rm", "-rf", "/opt/matterbot", "/home/ada")
    checkout(host, FOLDER)
    host.configure(FOLDER)


def checkout(host: Host, folder: str) -> None:
    """A folder of modules: an example, and two of the tests' own."""
    host.machine.copy(TESTS.parents[1] / "examples/modules/dice", f"{folder}/dice")
    for name in ("prying", "errand"):
        host.machine.copy(TESTS / "modules" / name, f"{folder}/{name}")


def another_errand(host: Host, folder: str, name: str) -> None:
    """The module `errand` once more, with a name and a word of its own."""
    host.machine.copy(TESTS / "modules/errand", f"{folder}/{name}")
    host.machine.write(f"{folder}/{name}/defaults.py", f"BINDS = ['@{name}']\nCHANS = ['any']\n")


def ask(host: Host, text: str, beginning: str = "", seconds: float = BACK_WITHIN, who: str = "olga") -> str:
    """Asks in the channel, and gives the first answer."""
    person = host.server.person(who)
    return person.answer(person.say(text), beginning, seconds)["message"]


def serve(host: Host) -> None:
    """Starts the bot, and waits until it knows its modules; their words were nobody's before."""
    host.serve()
    greeted(host, 1)


def greeted(host: Host, times: int) -> None:
    """Waits until this process of the bot has greeted its modules so often."""
    lines = ("--no-pager", "--output=cat", f"_PID={host.main_pid()}", "--grep=have been greeted")

    def count() -> int:
        return host.run("journalctl", *lines, check=False).stdout.count("have been greeted")

    wait.until(lambda: count() >= times, BACK_WITHIN, "the modules to be greeted")


def rolls(host: Host) -> None:
    ask(host, "@dice 2d6", "@olga rolls 2d6: **")


def processes(host: Host) -> list[int]:
    """All that runs in the modules' unit."""
    group = host.machine.show(SERVICE, "ControlGroup")["ControlGroup"]
    if not group:
        return []
    return [int(pid) for pid in host.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs", check=False).stdout.split()]


def left_behind(host: Host) -> list[int]:
    """Has a module leave a process behind, and gives all that runs then: host, interpreter, modules, and that one."""
    assert ask(host, "@errand leave") == "left"
    found = processes(host)
    names = host.run("ps", "-o", "comm=", "-p", ",".join(map(str, found))).stdout.split()
    assert "sleep" in names and len(found) > 3, names
    return found


def gone(host: Host, pids: list[int], seconds: float) -> None:
    """Waits until none of these lives."""
    alive = lambda: [pid for pid in pids if host.machine.path(f"/proc/{pid}").exists()]  # noqa: E731
    begun = time.monotonic()
    wait.until(lambda: not alive(), seconds, f"the end of {pids}, of which some live")
    host.note(f"{len(pids)} processes gone after {time.monotonic() - begun:.2f} s")


def runs(host: Host, post: str) -> None:
    """Waits until it is seen under the post that its command runs."""
    olga = host.server.person("olga")
    wait.until(lambda: olga.ask("GET", f"/posts/{post}/reactions"), BACK_WITHIN, "the sign that it runs")


def owner(host: Host, path: str) -> str:
    return host.run("stat", "-c", "%a %U %G", path).stdout.strip()


def main_pid(host: Host) -> int:
    return int(host.machine.show(SERVICE, "MainPID")["MainPID"])


@case(TRIXIE, BOOKWORM)
def both_units_load_without_a_warning(host: Host) -> None:
    for unit in (SOCKET, SERVICE):
        verified = host.run("systemd-analyze", "verify", f"/etc/systemd/system/{unit}")
        assert verified.stdout + verified.stderr == "", verified.stderr
        assert host.machine.show(unit, "LoadState") == {"LoadState": "loaded"}
    lines = ("--output=cat", "--grep", r"matterbot-modules\.(socket|service):\d+:")
    about = host.run("journalctl", "--no-pager", *lines, check=False).stdout
    assert about == "", about


@case(TRIXIE, BOOKWORM)
def the_sandbox_is_tight(host: Host) -> None:
    for arguments in (("--offline=true", f"/etc/systemd/system/{SERVICE}"), (SERVICE,)):
        said = host.run("systemd-analyze", "security", "--no-pager", *arguments).stdout
        level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said).group(1))
        host.note(f"exposure {level} ({arguments[0]})")
        assert level <= EXPOSURE, said


@case(TRIXIE, BOOKWORM)
def the_bot_starts_them_through_the_socket_as_a_user_of_their_own(host: Host) -> None:
    assert host.machine.show(SERVICE, "ActiveState") == {"ActiveState": "inactive"}
    serve(host)
    rolls(host)
    assert owner(host, "/run/matterbot-modules.socket") == "600 matterbot matterbot"
    found = processes(host)
    owners = host.run("ps", "-o", "user:32=", "-p", ",".join(map(str, found))).stdout.split()
    assert set(owners) == {USER}, owners
    group = host.get("ControlGroup")
    assert host.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs").stdout.split() == [str(host.main_pid())]
    assert owner(host, HOME) == f"700 {USER} {USER}"


@contextlib.contextmanager
def ward(host: Host):
    """A socket such as the ward's: the bot's alone."""
    properties = ("ListenStream=/run/matterward.socket", "SocketUser=matterbot", "SocketMode=0600", "RemoveOnStop=yes")
    properties = (f"--socket-property={text}" for text in properties)
    host.run("systemd-run", "--unit=matterward", *properties, "sleep", "infinity")
    try:
        yield
    finally:
        host.run("systemctl", "stop", "matterward.socket", "matterward.service", check=False)


@case(TRIXIE, BOOKWORM)
def a_module_that_tries_reaches_nothing_of_the_bots(host: Host) -> None:
    serve(host)
    rolls(host)
    bot = host.main_pid()
    with ward(host):
        host.run("install", "-o", "matterbot", "-m", "0600", "/etc/hostname", f"{STATE}/restart-marker.json")
        # Nothing of it is impossible by accident: root can do all that is harmless.
        failed = json.loads(host.run("python3", f"{FOLDER}/prying/command.py", str(bot)).stdout)
        assert failed == [], failed
        told = json.loads(ask(host, f"@pry {bot}", "{"))
    host.run("rm", f"{STATE}/restart-marker.json")
    assert told["succeeded"] == [], told["succeeded"]
    allowed = ["read the program", "tell the load", "connect to the bus", "ask systemd", "write at home"]
    assert told["allowed"] == allowed, told["allowed"]
    assert set(told["user"]) == {int(host.run("id", "-u", USER).stdout)}, told["user"]
    environment = told["environment"]
    assert host.server.bot_token not in json.dumps(environment)
    assert environment["HOME"] == HOME, environment
    names = [name for name in environment if SUPERVISORS.match(name)]
    assert names == ["MATTERBOT_MODULE_PID"], names
    assert host.main_pid() == bot and host.state() == "active/running"


@case(TRIXIE, BOOKWORM)
def they_answer_after_each_restart_and_nothing_of_before_lives(host: Host) -> None:
    serve(host)
    rolls(host)
    for restart in (lambda: host.run("systemctl", "restart", UNIT), lambda: ask(host, "@restart", "Back up. ✅")):
        earlier = left_behind(host)
        restart()
        rolls(host)
        gone(host, earlier, 2)
    assert host.machine.show(SOCKET, "ActiveState", "Result") == {"ActiveState": "active", "Result": "success"}


@case(TRIXIE, BOOKWORM)
def who_asked_is_told_when_the_host_is_killed_and_the_next_call_is_answered(host: Host) -> None:
    serve(host)
    rolls(host)
    olga = host.server.person("olga")
    earlier = left_behind(host)
    asked = [olga.say("@errand hang") for _ in range(2)]
    runs(host, asked[-1])
    host.run("kill", "-KILL", str(main_pid(host)))
    gone(host, earlier, 2)
    for post in asked:
        olga.answer(post, "The module `errand` ended before it answered `@errand`.", BACK_WITHIN)
    wait.until(lambda: main_pid(host) not in (0, earlier[0]), BACK_WITHIN, "another host")
    rolls(host)
    assert [len(olga.answers(post)) for post in asked] == [1, 1]


@case(TRIXIE, BOOKWORM)
def nothing_lives_on_when_the_bot_is_killed(host: Host) -> None:
    serve(host)
    rolls(host)
    runs(host, host.server.person("olga").say("@errand hang"))
    earlier = left_behind(host)
    pid = host.main_pid()
    host.run("kill", "-KILL", str(pid))
    gone(host, earlier, 2)
    host.replaced(pid, BACK_WITHIN)
    rolls(host)
    assert host.machine.show(SERVICE, "Result") == {"Result": "success"}


@case(TRIXIE, BOOKWORM)
def what_runs_at_a_shutdown_of_both_is_answered(host: Host) -> None:
    serve(host)
    olga = host.server.person("olga")
    post = olga.say("@errand nap")
    runs(host, post)
    host.run("systemctl", "stop", UNIT, SOCKET, SERVICE)
    said = [answer["message"] for answer in olga.answers(post)]
    assert said == ["rested"], said


@case(TRIXIE, BOOKWORM)
def their_own_folder_is_theirs_to_write_after_an_install(host: Host) -> None:
    refused = "not written: Read-only file system"
    serve(host)
    assert ask(host, "@errand write") == refused
    # Whose it is does not suffice: the host has to be told.
    host.run("chown", "-R", USER, f"{FOLDER}/errand")
    ask(host, "@restart", "Back up. ✅")
    assert ask(host, "@errand write") == refused
    host.run("matterbot", "install")
    assert host.run("cat", DROP_IN).stdout.splitlines()[-1] == f'ReadWritePaths="-{FOLDER}/errand"'
    ask(host, "@restart", "Back up. ✅")
    assert ask(host, "@errand write") == "written"
    # And back.
    host.run("chown", "-R", "root", f"{FOLDER}/errand")
    host.run("matterbot", "install")
    host.run("test", "!", "-e", DROP_IN.rpartition("/")[0])


@case(TRIXIE, BOOKWORM)
def a_checkout_at_home_serves_with_its_own_interpreter(host: Host) -> None:
    home = "/home/ada"
    folder = f"{home}/MatterBot/commands"
    checkout(host, folder)
    another_errand(host, folder, "mine")
    host.run("chown", "-R", USER, f"{folder}/mine")
    # As uv and pyenv have it: the interpreter that the environment is linked to lies at home too.
    python = f"{home}/.local/share/python/bin/python3"
    host.run("sh", "-ec", f"mkdir -p {home}/.local/share/python/bin; cp $(readlink -f /usr/bin/python3) {python}")
    host.run(python, "-m", "venv", "--without-pip", f"{home}/MatterBot/.venv")
    packages = host.run("sh", "-c", f"echo {home}/MatterBot/.venv/lib/python3.*/site-packages").stdout.strip()
    host.machine.write(f"{packages}/only_in_the_checkout.py", "WORD = 'found'\n")
    host.run("chmod", "0700", home)
    host.configure(folder)
    host.run("matterbot", "install")
    serve(host)
    rolls(host)
    user = host.run("id", "-u", USER).stdout.strip()
    assert ask(host, "@errand python") == f"{home}/MatterBot/.venv {user} found"
    assert ask(host, "@errand write") == "not written: Read-only file system"
    assert ask(host, "@mine write") == "written"
    # The bot cannot see the folder, and need not to have it loaded again.
    another_errand(host, folder, "later")
    reloaded = ask(host, "@reload", who="admin")
    assert "later" in reloaded, reloaded
    assert ask(host, "@later python").endswith(" found")


@case(TRIXIE, BOOKWORM)
def a_unit_that_cannot_start_is_mended_and_started_by_a_restart_of_the_bot(host: Host) -> None:
    serve(host)
    broken = f"/etc/systemd/system/{SERVICE}.d/broken.conf"
    host.machine.write(broken, "[Service]\nBindPaths=/no/such/folder\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", UNIT)
    # Whether the socket then fails or is only slowed down is a matter of how fast the host is.
    wait.until(lambda: "status=226/NAMESPACE" in host.machine.journal(SERVICE), BACK_WITHIN, "the failure")
    # What a module is asked waits half a minute for them all.
    said = ask(host, "@dice", "`@dice` is not available at present: ", 90)
    host.note(said)
    host.answered()
    host.run("rm", broken)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "restart", UNIT)
    rolls(host)


@case(TRIXIE, BOOKWORM)
def uninstall_takes_the_units_and_purge_the_user_and_state(host: Host) -> None:
    serve(host)
    host.run("chown", "-R", USER, f"{FOLDER}/errand")
    host.run("matterbot", "install")
    rolls(host)
    earlier = processes(host)
    host.machine.write(f"{HOME}/kept", "kept")
    host.run("cp", "/usr/local/bin/matterbot", "/root/matterbot")
    host.run("/root/matterbot", "uninstall")
    gone(host, earlier, BACK_WITHIN)
    for unit in (SOCKET, SERVICE):
        state = {"LoadState": "not-found", "ActiveState": "inactive"}
        assert host.machine.show(unit, *state) == state
    host.run("test", "-e", f"{HOME}/kept")
    left = host.run("find", "/etc/systemd", "/run/systemd", "-name", "*matterbot*").stdout
    assert left == "", left
    host.run("test", "!", "-e", "/run/matterbot-modules.socket")
    host.run("/root/matterbot", "uninstall", "--purge")
    for place in (HOME, STATE, CONFIG, CREDENTIAL):
        host.run("test", "!", "-e", place)
    assert host.run("id", USER, check=False).returncode != 0
    # The next case finds the program again.
    host.run("mv", "/root/matterbot", "/usr/local/bin/matterbot")
