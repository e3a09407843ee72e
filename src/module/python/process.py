"""Small things about processes and descriptors."""

import os
import signal
import tempfile

PR_SET_PDEATHSIG = 1


def replace(descriptor, number):
    """Makes `descriptor` the one with this number, which children inherit."""
    os.dup2(descriptor, number)
    os.close(descriptor)


def die_with(parent):
    """Has the kernel kill this process when its parent ends, where the kernel can."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(1)


def forget_after_fork(socket):
    """Closes the socket in children that modules fork: its other end is to see when this process ends."""
    os.register_at_fork(after_in_child=lambda: close(socket))


def close(socket):
    """Closes the socket at once, even if files made of it are open."""
    if socket.fileno() >= 0:
        os.close(socket.detach())


def temporary_file():
    """The descriptor of a file without a name."""
    try:
        return os.memfd_create("output")
    except (AttributeError, OSError):
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


def read_all(descriptor):
    """The text of a file from its beginning."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).decode("utf-8", "replace")


def in_words(status):
    """How a process ended, of what `waitpid` tells."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return "exit status %d" % code
    return signal.strsignal(-code) or "signal %d" % -code
