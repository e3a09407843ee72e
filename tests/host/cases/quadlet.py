"""The bot as process 1 of a Quadlet container: nobody proves to bring it back, so it replaces itself."""

from host import wait
from host.host import Host, configuration
from host.registry import TRIXIE, case

UNIT = "bot.service"
BACK_WITHIN = 30
CONTAINER = """[Container]
Image=localhost/matterbot:latest
Pull=never
Network=host
Exec=/usr/local/bin/matterbot --config /srv/bot/config.yaml
Volume=/srv/bot:/srv/bot
[Service]
Restart=always
"""
# What the control groups of a container in a container allow; and an overlay cannot lie on another one.
CONTAINERS = '[containers]\npids_limit = 0\ncgroupns = "host"\n'
STORAGE = '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n'
IMAGE = """
mkdir -p /tmp/image
tar -C / --dereference -c usr/local/bin/matterbot etc/ssl/certs \
    $(ldd /usr/local/bin/matterbot | grep -o '/[^ ]*' | sed 's,^/,,') | podman import - localhost/matterbot:latest
"""


def before(host: Host) -> None:
    host.machine.write("/etc/containers/containers.conf", CONTAINERS)
    host.machine.write("/etc/containers/storage.conf", STORAGE)
    host.run("sh", "-ec", IMAGE, timeout=120)
    host.run("mkdir", "-p", "-m", "0700", "/srv/bot/state")
    operators = [host.server.person("olga").id]
    token = {"password": host.server.bot_token}
    config = configuration(host.server.port, operators, "/srv/bot/state", token)
    host.machine.write("/srv/bot/config.yaml", config, 0o600)
    host.machine.write("/etc/containers/systemd/bot.container", CONTAINER)
    host.run("systemctl", "daemon-reload")


@case(TRIXIE)
def a_restart_keeps_the_container(host: Host) -> None:
    host.run("systemctl", "start", UNIT, timeout=60)
    wait.until(lambda: "serving" in host.machine.journal(UNIT), BACK_WITHIN, "the bot to serve")
    host.answered()
    started = host.run("podman", "inspect", "--format={{.Id}} {{.State.Pid}}", "systemd-bot").stdout
    olga = host.server.person("olga")
    post = olga.say("@restart")
    olga.answer(post, "Back up. ✅", BACK_WITHIN)
    assert host.run("podman", "inspect", "--format={{.Id}} {{.State.Pid}}", "systemd-bot").stdout == started
    assert host.machine.show(UNIT, "NRestarts") == {"NRestarts": "0"}
    assert "this process replaces itself" in host.machine.journal(UNIT)
    host.run("systemctl", "stop", UNIT, timeout=60)
    shown = host.machine.show(UNIT, "ActiveState", "Result")
    assert shown == {"ActiveState": "inactive", "Result": "success"}, shown
    wait.throughout(lambda: host.machine.show(UNIT, "ActiveState")["ActiveState"] == "inactive", 2, "the stop")
