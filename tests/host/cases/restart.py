"""`@restart` under systemd: by exit 75 where the unit brings the bot back, else in place; and it always comes back."""

from host import wait
from host.host import CONFIG, STATE, UNIT, Host
from host.registry import BOOKWORM, TRIXIE, case

SECONDS = 120
BACK_WITHIN = 30


def before(host: Host) -> None:
    host.install()


def restart(host: Host) -> str:
    """Asks for a restart as an operator, waits for the return, and gives the text that says it."""
    olga = host.server.person("olga")
    post = olga.say("@restart")
    olga.answer(post, "Restarting now", BACK_WITHIN)
    back = olga.answer(post, "Back up. ✅", BACK_WITHIN)["message"]
    said = [answer["message"] for answer in olga.answers(post)]
    assert len(said) == 2, said
    return back


def identity(host: Host) -> tuple[int, str]:
    """The main process and how often systemd has started it again."""
    return host.main_pid(), host.get("NRestarts")


def restarts_in_place(host: Host) -> None:
    """A restart after which it is the same process to systemd."""
    earlier = identity(host)
    restart(host)
    assert identity(host) == earlier, (earlier, identity(host))
    assert host.state() == "active/running"


@case(TRIXIE, BOOKWORM)
def by_exit_75_with_a_gap_below_a_second(host: Host) -> None:
    host.serve()
    pid = host.main_pid()
    back = restart(host)
    host.wait_for_state("active/running", 10)
    assert host.main_pid() != pid
    assert host.get("NRestarts") == "1"
    shown = host.show("ActiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic", "Result")
    gap = (int(shown["ActiveEnterTimestampMonotonic"]) - int(shown["ActiveExitTimestampMonotonic"])) / 1e6
    host.note(f"gap {gap:.3f} s between leaving and being ready; {back}")
    assert 0 < gap < 1, gap
    # Said once: nothing more comes, and nothing is left to be said by the next one.
    host.run("test", "!", "-e", f"{STATE}/restart-marker.json")


@case(TRIXIE)
def an_operator_signal_restarts_too(host: Host) -> None:
    host.serve()
    pid = host.main_pid()
    host.run("kill", "-USR1", str(pid))
    host.replaced(pid, BACK_WITHIN)
    assert host.get("NRestarts") == "1"


@case(TRIXIE, BOOKWORM)
def systemctl_restart_keeps_serving(host: Host) -> None:
    host.serve()
    pid = host.main_pid()
    host.run("systemctl", "restart", UNIT)
    assert host.main_pid() != pid
    host.answered()


@case(TRIXIE, BOOKWORM)
def ten_within_the_start_limit_never_fail(host: Host) -> None:
    host.serve()
    pids = {host.main_pid()}
    for _ in range(10):
        restart(host)
        pids.add(host.main_pid())
        assert host.state() == "active/running"
    replaced = len(pids) - 1
    host.note(f"{replaced} by exit 75, {10 - replaced} in place")
    # The unit starts six times in five minutes; one start is left for a crash.
    assert 1 <= replaced <= 4, replaced
    assert host.get("Result") == "success"
    # And the start that was left is there: a crash now is survived.
    pid = host.main_pid()
    host.run("kill", "-KILL", str(pid))
    host.replaced(pid, BACK_WITHIN)


@case(TRIXIE, BOOKWORM)
def ten_without_a_start_limit_all_leave_by_exit(host: Host) -> None:
    """As with somebody who resets the unit's counter before each: nothing is left to be counted."""
    host.drop_in("StartLimitIntervalSec=0", "Unit")
    host.serve()
    pids = {host.main_pid()}
    for _ in range(10):
        restart(host)
        host.wait_for_state("active/running", 10)
        pids.add(host.main_pid())
    assert len(pids) == 11, pids
    shown = host.show("NRestarts", "Result")
    assert shown == {"NRestarts": "10", "Result": "success"}, shown


@case(TRIXIE, BOOKWORM)
def in_place_where_the_unit_does_not_restart(host: Host) -> None:
    host.drop_in("Restart=no")
    host.serve()
    restarts_in_place(host)


@case(TRIXIE, BOOKWORM)
def in_place_where_the_unit_restarts_failures_only(host: Host) -> None:
    # SuccessExitStatus=75 makes 75 a success, so on-failure would leave the bot dead.
    host.drop_in("Restart=on-failure")
    host.serve()
    restarts_in_place(host)


@case(TRIXIE)
def by_exit_where_75_forces_a_restart(host: Host) -> None:
    host.drop_in("Restart=on-failure\nRestartForceExitStatus=75")
    host.serve()
    pid = host.main_pid()
    restart(host)
    assert host.main_pid() != pid


@case(TRIXIE)
def in_place_where_75_is_prevented(host: Host) -> None:
    host.drop_in("RestartPreventExitStatus=75")
    host.serve()
    restarts_in_place(host)


@case(TRIXIE)
def refused_where_the_configuration_insists_on_a_unit_that_does_not_restart(host: Host) -> None:
    host.drop_in("Restart=no")
    host.configure(service_manager="systemd")
    host.serve()
    earlier = identity(host)
    olga = host.server.person("olga")
    post = olga.say("@restart")
    refused = wait.until(lambda: olga.answers(post), BACK_WITHIN, "the refusal")[0]["message"]
    assert "Restart=no" in refused, refused
    assert identity(host) == earlier
    host.answered()


@case(TRIXIE)
def refused_where_the_successor_would_not_start(host: Host) -> None:
    """The program on disk reads the configuration on disk before anybody leaves."""
    host.serve()
    earlier = identity(host)
    olga = host.server.person("olga")
    for breakage in ("Matterbot:\n  host: [\n", "Matterbot: {host: 127.0.0.1}\n"):
        host.machine.path(CONFIG).write_text(breakage, encoding="utf-8")
        post = olga.say("@restart")
        refused = wait.until(lambda: olga.answers(post), BACK_WITHIN, "the refusal")[0]["message"]
        assert "config.yaml" in refused and not refused.startswith("Restarting"), refused
    assert identity(host) == earlier
    host.configure()
    restart(host)


@case(TRIXIE, BOOKWORM)
def in_place_below_a_shell_that_inherited_the_variables(host: Host) -> None:
    """NOTIFY_SOCKET, INVOCATION_ID and SYSTEMD_EXEC_PID are there, and none is its own."""
    host.run(
        "systemd-run", "--unit=nested", "--collect", "--service-type=exec", "--property=Restart=always",
        "--property=NotifyAccess=all", "--uid=matterbot", "--property=StateDirectory=matterbot",
        "--property=LoadCredential=token:/etc/credstore/matterbot.token",
        "sh", "-c", "matterbot --config /etc/matterbot/config.yaml; exit 9",
    )  # fmt: skip
    try:
        bot = wait.until(lambda: child(host, "nested.service"), 10, "the bot below the shell")
        # What was asked before a first connection is nobody's to answer.
        wait.until(lambda: "connected to Mattermost" in host.machine.journal("nested.service"), 10, "the connection")
        host.answered(BACK_WITHIN)
        restart(host)
        assert child(host, "nested.service") == bot
        assert host.machine.show("nested.service", "NRestarts") == {"NRestarts": "0"}
    finally:
        host.run("systemctl", "stop", "nested.service", check=False)


def child(host: Host, unit: str) -> int | None:
    """The child of a unit's main process."""
    main = host.machine.show(unit, "MainPID")["MainPID"]
    found = host.run("pgrep", "-P", main, check=False).stdout.split()
    return int(found[0]) if found else None
