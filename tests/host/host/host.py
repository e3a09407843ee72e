"""A host with the bot as its service, and a server that it serves."""

import json

from . import wait
from .machine import Machine
from .server import Server

UNIT = "matterbot.service"
CONFIG = "/etc/matterbot/config.yaml"
CREDENTIAL = "/etc/credstore/matterbot.token"
STATE = "/var/lib/matterbot"
MODULES = ("matterbot-modules.socket", "matterbot-modules.service")
MODULES_STATE = "/var/lib/matterbot-modules"
DROP_INS = ("/etc/systemd/system", "/run/systemd/system")


class Host:
    """What a case is given."""

    def __init__(self, machine: Machine, server: Server):
        self.machine = machine
        self.server = server
        self.run = machine.run
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Something measured, for the one who reads the report."""
        self.notes.append(text)

    def install(self) -> None:
        """The service as an administrator sets it up, stopped, and as new."""
        self.run("systemctl", "stop", UNIT, *MODULES, check=False)
        drop_ins = (f"{folder}/{unit}.d" for folder in DROP_INS for unit in (UNIT, *MODULES))
        self.run("rm", "-rf", STATE, MODULES_STATE, CONFIG, *drop_ins)
        self.run("matterbot", "install")
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "reset-failed", UNIT, *MODULES, check=False)
        self.machine.write(CREDENTIAL, self.server.bot_token + "\n", 0o600)
        self.configure()

    def configure(self, commanddir: str | None = None, **changed) -> None:
        """Writes the configuration: a folder of modules, and keys of the section Matterbot other than what works."""
        olga = self.server.person("olga").id if self.server.process else ""
        text = configuration(self.server.port, [olga] if olga else [], STATE, changed, commanddir)
        path = self.machine.path(CONFIG)
        path.write_text(text, encoding="utf-8")

    def drop_in(self, text: str, section: str = "Service") -> None:
        """A change to the unit, as `systemctl edit` makes it."""
        self.machine.write(f"/etc/systemd/system/{UNIT}.d/test.conf", f"[{section}]\n{text}\n")
        self.run("systemctl", "daemon-reload")

    def show(self, *properties: str) -> dict[str, str]:
        return self.machine.show(UNIT, *properties)

    def get(self, name: str) -> str:
        return self.show(name)[name]

    def main_pid(self) -> int:
        return int(self.get("MainPID"))

    def state(self) -> str:
        """ActiveState and SubState, such as active/running."""
        shown = self.show("ActiveState", "SubState")
        return f"{shown['ActiveState']}/{shown['SubState']}"

    def start(self) -> None:
        """Starts the service; systemctl returns when it is ready."""
        self.run("systemctl", "start", UNIT, timeout=60)

    def serve(self) -> None:
        """Starts the service, and waits until it has answered somebody."""
        self.start()
        self.answered()

    def answered(self, seconds: float = 20) -> None:
        """Waits until a question that is asked now is answered."""
        olga = self.server.person("olga")
        post = olga.say("@status")
        wait.until(lambda: olga.answers(post), seconds, "an answer to @status")

    def wait_for_state(self, state: str, seconds: float) -> None:
        wait.until(lambda: self.state() == state, seconds, f"the service to be {state}")

    def replaced(self, pid: int, seconds: float) -> None:
        """Waits until another process than `pid` serves."""

        def serves() -> bool:
            return self.main_pid() not in (0, pid) and self.state() == "active/running"

        wait.until(serves, seconds, f"a process in the place of {pid}")

    def journal(self) -> str:
        return self.machine.journal(UNIT)


def configuration(port: int, operators: list[str], state: str, changed: dict, commanddir: str | None = None) -> str:
    """A configuration for the server on `port`; JSON is YAML."""
    matterbot = {
        "host": "127.0.0.1",
        "port": port,
        "scheme": "http",
        "username": "matter-bot",
        "teamname": "ops",
        "botadmins": ["system_admin"],
        "botoperators": operators,
        "bindmap": f"{state}/bindmap.json",
        "feedmap": f"{state}/feedmap.json",
        **changed,
    }
    # Restarts as fast as they can be asked for: what is tested is how they are done, not how often they may be.
    lifecycle = {"cooldown": "0s", "budget": {"count": 100, "window": "5m"}}
    modules = {} if commanddir is None else {"Modules": {"commanddir": commanddir}}
    return json.dumps({"Matterbot": matterbot, "Lifecycle": lifecycle, **modules}, indent=2) + "\n"
