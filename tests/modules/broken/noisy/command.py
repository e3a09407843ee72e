"""What it changes here is everybody's: the others must not notice."""

import logging
import os
import signal
import subprocess
import sys
import time

logging.getLogger("MatterBot").warning("imported")
print("to the standard output")
print("to the standard error", file=sys.stderr)
subprocess.run(["echo", "from a program"])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.chdir("/")
_parent = os.getpid()
if os.fork() == 0:
    # Lives on for as long as the interpreter, and holds what it has inherited.
    while os.getppid() == _parent:
        time.sleep(0.1)
    os._exit(0)


def process(command, channel, username, params, files, conn):
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return {"messages": [{"text": "%s %s %d" % (os.getcwd(), signal.getsignal(signal.SIGTERM).name, len(blocked))}]}
