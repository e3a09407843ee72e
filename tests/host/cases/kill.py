"""`kill -9` at instants of a restart: systemd starts the bot again, and whoever asked is told once and truly."""

from host import wait
from host.host import STATE, Host
from host.registry import BOOKWORM, TRIXIE, case
from host.strace import Strace

SECONDS = 45
BACK_WITHIN = 30
BACK = "Back up. ✅"
INTERRUPTED = "I was interrupted before the restart was prepared"


def before(host: Host) -> None:
    if host.server.process is None:
        host.server.start()
    host.install()
    host.serve()


def killed_at(host: Host, strace: Strace) -> str:
    """Asks for a restart during which the bot is killed; gives the question."""
    pid = host.main_pid()
    with strace:
        post = host.server.person("olga").say("@restart")
        strace.killed(BACK_WITHIN)
    host.replaced(pid, BACK_WITHIN)
    return post


def told(host: Host, post: str, beginning: str) -> None:
    """Whoever asked has one outcome, the announcement came only if it was kept, and nothing is left."""
    olga = host.server.person("olga")
    olga.answer(post, beginning, BACK_WITHIN)
    host.answered()
    said = [answer["message"] for answer in olga.answers(post)]
    outcomes = [text for text in said if not text.startswith("Restarting now")]
    assert len(outcomes) == 1, said
    assert len(said) <= (2 if beginning == BACK else 1), said
    left = host.run("find", STATE, "-name", "restart-marker*").stdout
    assert left == "", left
    group = host.get("ControlGroup")
    processes = host.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs").stdout.split()
    assert processes == [str(host.main_pid())], processes


def bot(host: Host) -> int:
    return host.machine.outside(host.main_pid())


@case(TRIXIE, BOOKWORM)
def the_temporary_marker_is_written(host: Host) -> None:
    told(host, killed_at(host, Strace(bot(host), "renameat")), INTERRUPTED)


@case(TRIXIE, BOOKWORM)
def the_marker_is_renamed(host: Host) -> None:
    told(host, killed_at(host, Strace(bot(host), "fsync", nth=2)), BACK)


@case(TRIXIE)
def it_is_about_to_leave(host: Host) -> None:
    told(host, killed_at(host, Strace(bot(host), "exit_group", threads=False)), BACK)


@case(TRIXIE)
def the_successor_has_committed_the_notices(host: Host) -> None:
    """The successor is a child of process 1, so that is whom the strace looks at."""
    marker = Strace(host.machine.leader, "unlinkat", path="restart-marker.json")
    told(host, killed_at(host, marker), BACK)


@case(TRIXIE)
def the_successor_has_no_hello(host: Host) -> None:
    pid = host.main_pid()
    olga = host.server.person("olga")
    post = olga.say("@restart")
    olga.answer(post, "Restarting now", BACK_WITHIN)
    host.server.stop()
    for _ in range(2):
        wait.until(lambda pid=pid: host.main_pid() not in (0, pid), BACK_WITHIN, "the successor")
        pid = host.main_pid()
        host.run("kill", "-KILL", str(pid))
    host.server.start()
    wait.until(lambda: host.state() == "active/running", 90, "the third to be ready")
    told(host, post, BACK)
