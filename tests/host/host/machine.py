"""A booted host: systemd as process 1 of a container whose changes are forgotten."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from . import wait

BOOT_TAKES_AT_MOST = 120
COMMAND_TAKES_AT_MOST = 60
SHUTDOWN_TAKES_AT_MOST = 15


class Failed(AssertionError):
    """A command inside ended with another status than it should."""


class Machine:
    """A container from a root file system that stays as it is; a context manager."""

    def __init__(self, name: str, root: Path, program: Path):
        self.name = f"{name}-{os.getpid()}"
        self.root = root
        self.program = program
        self.cgroup = cgroup2() / f"matterbot-host-{self.name}"
        self.scratch: Path | None = None
        self.nspawn: subprocess.Popen | None = None
        self.leader = 0

    def __enter__(self):
        try:
            self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def boot(self) -> None:
        # Two machines in one control group would each take the other's processes for its own.
        forget_dead_cgroups(self.cgroup.parent)
        self.cgroup.mkdir()
        self.scratch = Path(tempfile.mkdtemp(prefix="matterbot-host-"))
        # The shell enters the group; and the end of this process, however it comes, is the container's too.
        enter = 'echo $$ > "$0" && exec setpriv --pdeathsig TERM "$@"'
        command = [
            "sh", "-c", enter, self.cgroup / "cgroup.procs",
            "systemd-nspawn", "--quiet", "--keep-unit", "--register=no", "--boot", "--console=pipe",
            f"--directory={self.root}", "--volatile=overlay", f"--machine={self.name}",
            "--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
        ]  # fmt: skip
        environment = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1", SYSTEMD_SECCOMP="0")
        with open(self.scratch / "console", "wb") as console:
            self.nspawn = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, env=environment,
                start_new_session=True,
            )  # fmt: skip
        self.leader = wait.until(self.find_leader, BOOT_TAKES_AT_MOST, "the container's process 1")
        wait.until(self.booted, BOOT_TAKES_AT_MOST, f"{self.name} to have booted")
        place = self.path("/usr/local/bin/matterbot")
        shutil.copyfile(self.program, place)
        place.chmod(0o755)

    def find_leader(self) -> int | None:
        if self.nspawn.poll() is not None:
            raise Failed(f"the container ended with {self.nspawn.returncode}: {self.console()}")
        children = Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text(encoding="ascii")
        for child in children.split():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{child}/exe").endswith("/systemd"):
                    return int(child)
        return None

    def booted(self) -> bool:
        answer = self.run("systemctl", "is-system-running", check=False)
        return answer.stdout.strip() in ("running", "degraded")

    def console(self) -> str:
        return (self.scratch / "console").read_text(encoding="utf-8", errors="replace")[-2000:]

    def __exit__(self, *_):
        if self.nspawn is not None and self.nspawn.poll() is None:
            self.nspawn.terminate()
            try:
                self.nspawn.wait(SHUTDOWN_TAKES_AT_MOST)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()
        if self.cgroup.is_dir():
            with contextlib.suppress(OSError):
                (self.cgroup / "cgroup.kill").write_text("1", encoding="ascii")
            deadline = time.monotonic() + SHUTDOWN_TAKES_AT_MOST
            while not remove_cgroup(self.cgroup) and time.monotonic() < deadline:
                time.sleep(wait.POLL)
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def outside(self, pid: int) -> int:
        """The id out here of the process that has `pid` inside."""
        for group in self.cgroup.rglob("cgroup.procs"):
            for process in group.read_text(encoding="ascii").split():
                with contextlib.suppress(OSError):
                    status = Path("/proc", process, "status").read_text(encoding="utf-8")
                    numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
                    if int(numbers[-1]) == pid:
                        return int(process)
        raise Failed(f"process {pid} is not in {self.cgroup}")

    def path(self, inside: str) -> Path:
        """A path inside, as seen from here."""
        return Path(f"/proc/{self.leader}/root{inside}")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def copy(self, folder: Path, inside: str) -> None:
        """Copies a folder, so that everybody inside may read it."""
        place = self.path(inside)
        shutil.copytree(folder, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        self.run("chmod", "-R", "u=rwX,go=rX", inside)

    def run(
        self, *command: str, check: bool = True, timeout: float = COMMAND_TAKES_AT_MOST, user: str | None = None
    ) -> subprocess.CompletedProcess:
        """Runs `command` inside; with `user` as in a session of that user's."""
        if user is not None:
            run = f"/run/user/{self.run('id', '-u', user).stdout.strip()}"
            variables = (f"XDG_RUNTIME_DIR={run}", f"DBUS_SESSION_BUS_ADDRESS=unix:path={run}/bus")
            enter = ("runuser", "-u", user, "--", "env", "-C", f"/home/{user}", f"HOME=/home/{user}")
            command = (*enter, *variables, *command)
        # In a group of the container's: what asks from outside of them all is nobody to logind.
        group = self.cgroup / "payload/init.scope/cgroup.procs"
        namespaces = ("-m", "-u", "-i", "-n", "-p", "-C")
        enter = ("sh", "-c", 'echo $$ > "$0" && exec "$@"', group, "nsenter", "-t", str(self.leader), *namespaces, "--")
        done = subprocess.run(
            (*enter, *command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", timeout=timeout, env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip
        if check and done.returncode != 0:
            raise Failed(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def show(self, unit: str, *properties: str, user: str | None = None) -> dict[str, str]:
        """Properties of a unit, as systemctl shows them."""
        scope = ("--user",) if user else ()
        answer = self.run("systemctl", *scope, "show", f"--property={','.join(properties)}", unit, user=user)
        return dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)

    def journal(self, unit: str, since: str = "0") -> str:
        """What a unit logged since so many seconds after 1970."""
        lines = ("--no-pager", "--output=short-precise", f"--since=@{since}", f"--unit={unit}")
        return self.run("journalctl", *lines, check=False).stdout


def forget_dead_cgroups(parent: Path) -> None:
    """Removes what a run that was killed could not."""
    for group in parent.glob("matterbot-host-*"):
        if not Path("/proc", group.name.rpartition("-")[2]).exists():
            remove_cgroup(group)


def remove_cgroup(top: Path) -> bool:
    """Removes a control group and those in it, unless a process is left in one."""
    groups = [top, *(path for path in top.rglob("*") if path.is_dir())]
    for group in sorted(groups, key=lambda path: len(path.parts), reverse=True):
        with contextlib.suppress(OSError):
            group.rmdir()
    return not top.is_dir()


def cgroup2() -> Path:
    """Where the unified control group hierarchy is mounted."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, *_ = line.split(" ")
        if kind == "cgroup2":
            return Path(place)
    raise Failed("no cgroup2 is mounted on this machine, so no systemd can be booted in it")
