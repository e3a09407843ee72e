"""Small things about processes, descriptors and texts."""

import os
import signal

PR_SET_PDEATHSIG = 1

# The number of pidfd_open(2), which some builds of Python do not know.
PIDFD_OPEN = 434

# The longest text that goes to the log, in characters; of a longer one the middle is left out.
LOG_LIMIT = 64 * 1024

# How much is read of each end of what an import printed, in bytes.
PRINTED = 32 * 1024 - 512


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


def name_itself(module):
    """Shows the module's name where processes are listed by theirs; the kernel keeps 15 bytes."""
    try:
        with open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(os.fsencode("mb-" + module))
    except OSError:
        return


def watch(child):
    """A descriptor that becomes readable when the child ends."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(child)
    import ctypes

    descriptor = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_OPEN, child, 0)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "pidfd_open")
    return descriptor


def forget_after_fork(socket):
    """Closes the socket in children that modules fork: its other end is to see when this process ends."""
    os.register_at_fork(after_in_child=lambda: close(socket))


def close(socket):
    """Closes the socket at once, even if files made of it are open."""
    if socket.fileno() >= 0:
        os.close(socket.detach())


class Surroundings:
    """What a module may change at its import that is no module's own: working directory and signals."""

    def __init__(self, directory):
        self._directory = directory
        self._handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        self.restore()

    def restore(self):
        """As it was, so that the other modules do not inherit it."""
        os.chdir(self._directory)
        signal.alarm(0)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for number, handler in self._handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def temporary_file():
    """The descriptor of a file without a name."""
    try:
        return os.memfd_create("output")
    except (AttributeError, OSError):
        import tempfile

        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


def read_ends(descriptor):
    """The text of a file, of a long one its beginning and its end."""
    size = os.fstat(descriptor).st_size
    if size <= 2 * PRINTED:
        return os.pread(descriptor, size, 0).decode("utf-8", "replace")
    first, last = os.pread(descriptor, PRINTED, 0), os.pread(descriptor, PRINTED, size - PRINTED)
    first, last = (part.decode("utf-8", "replace") for part in (first, last))
    return "%s\n[%d bytes left out]\n%s" % (first, size - 2 * PRINTED, last)


def in_words(status):
    """How a process ended, of what `waitpid` tells."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return "exit status %d" % code
    return signal.strsignal(-code) or "signal %d" % -code


def shorten(text, limit=LOG_LIMIT):
    """The text, without its middle if it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return "%s\n[%d characters left out]\n%s" % (text[:half], len(text) - 2 * half, text[-half:])
