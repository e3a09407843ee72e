"""@errand: does one thing that a test asks for.

@errand leave     leaves a process behind that belongs to nobody
@errand hang      never answers
@errand nap       answers after two seconds
@errand write     writes a file beside this one
@errand python    says which interpreter this is, and imports what only the checkout's own has
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path


def leave():
    # The shell is gone at once, and what it started has a session of its own and no parent.
    subprocess.run(["sh", "-c", "setsid sleep infinity >/dev/null 2>&1 </dev/null & :"], check=True)
    return "left"


def hang():
    threading.Event().wait()


def nap():
    time.sleep(2)
    return "rested"


def write():
    path = Path(__file__).with_name("state")
    try:
        path.write_text("written", encoding="utf-8")
    except OSError as error:
        return f"not written: {error.strerror}"
    return path.read_text(encoding="utf-8")


def python():
    import only_in_the_checkout

    return f"{sys.prefix} {os.getuid()} {only_in_the_checkout.WORD}"


def process(command, channel, username, params, files, conn):
    errands = {"leave": leave, "hang": hang, "nap": nap, "write": write, "python": python}
    return {"messages": [{"text": errands[params[0]]()}]}
