"""Starting and stopping: what systemctl waits for, and what it must not do again."""

import signal
import time

from host import wait
from host.host import CONFIG, CREDENTIAL, UNIT, Host
from host.registry import BOOKWORM, TRIXIE, case

SECONDS = 90


def before(host: Host) -> None:
    if host.server.process is None:
        host.server.start()
    host.install()


def killed(host: Host, pid: int, number: signal.Signals) -> None:
    host.run("kill", f"-{number.name.removeprefix('SIG')}", str(pid))


@case(TRIXIE, BOOKWORM)
def start_returns_when_the_bot_is_ready(host: Host) -> None:
    begun = time.monotonic()
    host.start()
    host.note(f"ready after {time.monotonic() - begun:.2f} s")
    assert host.state() == "active/running"
    # Ready means that it hears: a command that is asked now is answered at once.
    host.answered(5)
    assert host.get("NRestarts") == "0"


@case(TRIXIE, BOOKWORM)
def start_blocks_while_the_bot_is_not_ready(host: Host) -> None:
    host.server.stop()
    host.run("systemctl", "start", "--no-block", UNIT)
    host.wait_for_state("activating/start", 10)
    begun = time.monotonic()
    wait.throughout(lambda: host.state() == "activating/start", 3, "the start")
    host.server.start()
    # The gateway tries again after at most some seconds, and its hello is what makes the bot ready.
    host.wait_for_state("active/running", 18)
    host.note(f"ready {time.monotonic() - begun - 3:.1f} s after the server came")


@case(TRIXIE, BOOKWORM)
def a_server_that_is_down_is_no_failure(host: Host) -> None:
    # It has served before, so what is asked while the server cannot be reached is owed an answer.
    host.start()
    host.run("systemctl", "stop", UNIT)
    host.server.stop()
    begun = time.monotonic()
    host.start()
    took = time.monotonic() - begun
    host.note(f"ready without a server after {took:.1f} s")
    assert 19 < took < 30, took
    assert host.state() == "active/running"
    assert host.run("systemctl", "is-system-running").stdout.strip() == "running"
    assert host.get("StatusText"), "the status has to say that there is no server"
    pid = host.main_pid()
    host.server.start()
    # The gateway may just have begun a wait of a minute, which is its longest.
    host.answered(90)
    assert host.main_pid() == pid


@case(TRIXIE, BOOKWORM)
def stop_stays_stopped(host: Host) -> None:
    host.start()
    begun = time.monotonic()
    host.run("systemctl", "stop", UNIT)
    host.note(f"stopped after {time.monotonic() - begun:.2f} s")
    shown = host.show("Result", "ExecMainStatus", "ActiveState")
    assert shown == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}, shown
    wait.throughout(lambda: host.state() == "inactive/dead", 2, "the stop")


@case(TRIXIE)
def a_signal_to_stop_ends_with_0_and_systemd_starts_it_again(host: Host) -> None:
    """`kill` by hand is no `systemctl stop`: the unit is still wanted."""
    host.start()
    pid = host.main_pid()
    killed(host, pid, signal.SIGTERM)
    host.replaced(pid, 20)
    assert host.get("NRestarts") == "1"
    assert "status=75" not in host.journal(), "a stop is no restart"


@case(TRIXIE, BOOKWORM)
def reload_is_applied_and_returns(host: Host) -> None:
    host.start()
    pid = host.main_pid()
    host.run("systemctl", "reload", UNIT, timeout=15)
    assert host.state() == "active/running"
    assert host.main_pid() == pid
    # The verdict of a reload is about the token, and this one is a credential.
    assert host.get("StatusText").startswith("The token is a systemd credential"), host.get("StatusText")
    host.answered(5)


@case(TRIXIE)
def a_reload_reads_a_token_in_the_file_again(host: Host) -> None:
    host.run("rm", CREDENTIAL)
    host.configure(password=host.server.bot_token)
    host.start()
    reload_says(host, "The token is the same")
    host.machine.path(CONFIG).write_text("Matterbot:\n  host: [\n", encoding="utf-8")
    reload_says(host, "The configuration has errors")
    host.answered(5)


def reload_says(host: Host, verdict: str) -> None:
    host.run("systemctl", "reload", UNIT, timeout=15)
    wait.until(lambda: host.get("StatusText").startswith(verdict), 10, verdict)


@case(TRIXIE, BOOKWORM)
def a_process_that_hangs_is_killed_and_started_again(host: Host) -> None:
    host.drop_in("WatchdogSec=4s\nTimeoutAbortSec=2s")
    host.start()
    pid = host.main_pid()
    # It feeds the watchdog by itself for longer than the limit.
    wait.throughout(lambda: host.main_pid() == pid, 6, "the life of a process that does not hang")
    killed(host, pid, signal.SIGSTOP)
    begun = time.monotonic()
    host.replaced(pid, 30)
    host.note(f"replaced {time.monotonic() - begun:.1f} s after it hung")
    assert "Watchdog timeout" in host.journal()
    host.answered()


@case(TRIXIE, BOOKWORM)
def a_broken_configuration_is_not_tried_again(host: Host) -> None:
    host.machine.path(CONFIG).write_text("Matterbot:\n  host: [\n", encoding="utf-8")
    host.run("systemctl", "start", UNIT, check=False)
    shown = host.show("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    assert shown == {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "78", "NRestarts": "0"}, shown
    assert CONFIG in host.journal(), "the journal has to name the file"


@case(TRIXIE)
def an_unknown_team_is_not_tried_again(host: Host) -> None:
    host.configure(teamname="no-such-team")
    host.run("systemctl", "start", UNIT, check=False)
    # It is ready at the server's hello, and asks for the team after it.
    wait.until(lambda: host.get("ActiveState") == "failed", 10, "the end of the service")
    shown = host.show("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    assert shown == {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "78", "NRestarts": "0"}, shown
    assert "no-such-team" in host.journal()


@case(TRIXIE)
def a_wrong_command_line_is_not_tried_again(host: Host) -> None:
    host.drop_in("ExecStart=\nExecStart=/usr/local/bin/matterbot --no-such-option")
    host.run("systemctl", "start", UNIT, check=False)
    shown = host.show("ActiveState", "ExecMainStatus", "NRestarts")
    assert shown == {"ActiveState": "failed", "ExecMainStatus": "64", "NRestarts": "0"}, shown
