"""The bot below s6 on a booted host, with the service directory that the project ships."""

import shutil
from pathlib import Path

from host import wait
from host.host import CONFIG, Host
from host.registry import BOOKWORM, TRIXIE, case

BACK_WITHIN = 30
SERVICE = "/run/service/matterbot"
SHIPPED = Path(__file__).resolve().parents[3] / "contrib/s6/matterbot"


def before(host: Host) -> None:
    host.install()
    host.configure(password=host.server.bot_token)
    host.run("systemctl", "stop", "s6.service", check=False)
    host.run("rm", "-rf", "/run/service")
    host.run("mkdir", "-p", SERVICE)
    for script in ("run", "finish"):
        place = host.machine.path(f"{SERVICE}/{script}")
        shutil.copyfile(SHIPPED / script, place)
        place.chmod(0o755)
    since = host.run("date", "+%s.%N").stdout.strip()
    host.run("systemd-run", "--unit=s6", "--collect", "s6-svscan", "/run/service")
    wait.until(lambda: "serving" in host.machine.journal("s6.service", since), BACK_WITHIN, "the bot to serve")


def state(host: Host) -> str:
    return host.run("s6-svstat", SERVICE, check=False).stdout


def pid(host: Host) -> int:
    return int(host.run("s6-svstat", "-o", "pid", SERVICE).stdout)


@case(TRIXIE, BOOKWORM)
def a_restart_leaves_by_exit_and_s6_brings_it_back(host: Host) -> None:
    host.answered()
    earlier = pid(host)
    olga = host.server.person("olga")
    post = olga.say("@restart")
    olga.answer(post, "Back up. ✅", BACK_WITHIN)
    assert pid(host) not in (-1, earlier)
    assert "s6 brings us back" in host.machine.journal("s6.service")
    # A crash is no restart; s6 starts it again all the same.
    earlier = pid(host)
    host.run("kill", "-KILL", str(earlier))
    wait.until(lambda: pid(host) not in (-1, earlier), 10, "s6 to have started it again")
    host.answered(BACK_WITHIN)
    host.run("s6-svc", "-wD", "-T", "30000", "-d", SERVICE)
    assert "(exitcode 0)" in state(host), state(host)


@case(TRIXIE)
def a_broken_configuration_is_not_tried_again(host: Host) -> None:
    host.machine.path(CONFIG).write_text("Matterbot:\n  host: [\n", encoding="utf-8")
    host.run("s6-svc", "-r", SERVICE)
    wait.until(lambda: state(host).startswith("down (exitcode 78)"), 10, "the bot to have ended")
    # s6 starts a service again after a second.
    wait.throughout(lambda: state(host).startswith("down (exitcode 78)"), 3, "the end")
