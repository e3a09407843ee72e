"""A kill -9 at a system call of a service, by a strace outside of its host."""

import contextlib
import signal
import subprocess
import tempfile
from pathlib import Path

from . import wait

ATTACHES_WITHIN = 20


class Strace:
    """A strace on a process, that kills it, or a child of it, at a call; a context manager."""

    def __init__(self, pid: int, call: str, nth: int = 1, threads: bool = True, path: str | None = None):
        """`pid` is an id outside of the host; without `threads` only the main thread counts."""
        self.scratch = tempfile.TemporaryDirectory(prefix="matterbot-host-strace-")
        self.said = Path(self.scratch.name) / "said"
        self.log = Path(self.scratch.name) / "log"
        self.command = ["strace", "-o", str(self.log), f"--trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}"]
        self.command += ["-f"] if threads else []
        self.command += ["-P", path] if path else []
        self.command += ["-p", str(pid)]
        self.process: subprocess.Popen | None = None

    def __enter__(self):
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=said)
        wait.until(self.attached, ATTACHES_WITHIN, "strace to attach")
        return self

    def attached(self) -> bool:
        said = self.said.read_text(encoding="utf-8", errors="replace")
        assert self.process.poll() is None or " attached" in said, said
        return " attached" in said

    def killed(self, seconds: float) -> None:
        """Waits for the kill, and lets go of everybody else."""
        wait.until(lambda: "killed by SIGKILL" in self.text(), seconds, "the kill")
        self.detach()

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def detach(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(ATTACHES_WITHIN)

    def __exit__(self, *_):
        self.detach()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.scratch.cleanup()
