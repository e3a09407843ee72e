"""A playground server outside of the hosts, and its people, over REST."""

import json
import re
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from . import wait

ANSWERS_WITHIN = 20
PASSWORD = "Playground-1"


class Server:
    """A server on a free port of the loopback; it can be stopped and started again as the same one."""

    def __init__(self, program: Path):
        self.program = program
        self.scratch = tempfile.TemporaryDirectory(prefix="matterbot-host-server-")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None
        self.bot_token = ""
        self.people: dict[str, Person] = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.scratch.cleanup()

    def start(self) -> None:
        log = Path(self.scratch.name) / "log"
        command = [
            "setpriv", "--pdeathsig", "KILL",
            self.program, "playground", "--server-only", f"--listen=127.0.0.1:{self.port}", f"--state={self.scratch.name}/state",
        ]  # fmt: skip
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

        def greeted():
            text = log.read_text(encoding="utf-8", errors="replace")
            if self.process.poll() is not None:
                raise AssertionError(f"the playground ended with {self.process.returncode}: {text}")
            return re.search(r"token of the account matter-bot is (\w+)", text)

        self.bot_token = wait.until(greeted, ANSWERS_WITHIN, "the playground's greeting").group(1)
        self.people = {}

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(ANSWERS_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def person(self, name: str) -> "Person":
        if name not in self.people:
            self.people[name] = Person(self, name)
        return self.people[name]


class Person:
    """Somebody who is logged in."""

    def __init__(self, server: Server, name: str):
        self.server = server
        self.token = ""
        body, headers = self.exchange("POST", "/users/login", {"login_id": name, "password": PASSWORD})
        self.id, self.token = body["id"], headers["Token"]
        team = self.ask("GET", "/teams/name/ops")["id"]
        self.channel = self.ask("GET", f"/teams/{team}/channels/name/town-square")["id"]

    def exchange(self, method: str, path: str, body=None):
        request = urllib.request.Request(
            f"{self.server.url}/api/v4{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
        )
        if not self.token:
            del request.headers["Authorization"]
        try:
            with urllib.request.urlopen(request, timeout=ANSWERS_WITHIN) as answer:
                return json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error

    def ask(self, method: str, path: str, body=None):
        return self.exchange(method, path, body)[0]

    def say(self, text: str) -> str:
        """Posts `text`, and returns the post's id."""
        return self.ask("POST", "/posts", {"channel_id": self.channel, "message": text})["id"]

    def answers(self, post: str) -> list[dict]:
        """What was answered to a post, oldest first."""
        posts = self.ask("GET", f"/posts/{post}/thread")["posts"].values()
        return sorted((found for found in posts if found["id"] != post), key=lambda found: found["create_at"])

    def answer(self, post: str, beginning: str, seconds: float) -> dict:
        """Waits for the answer that begins so."""

        def found():
            return next((answer for answer in self.answers(post) if answer["message"].startswith(beginning)), None)

        try:
            return wait.until(found, seconds, f"an answer {beginning!r}")
        except wait.TooLate as late:
            raise wait.TooLate(f"{late}; there are {[answer['message'] for answer in self.answers(post)]}") from None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
