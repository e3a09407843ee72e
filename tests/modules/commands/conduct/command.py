"""Does what it is told, and nothing that it is told is decent."""

import ctypes
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

log = logging.getLogger("MatterBot")
API = "https://intelligence.example/api?key=hunter2-hunter2"


def say(text):
    return {"messages": [{"text": str(text)}]}


def sleep(seconds="3600"):
    time.sleep(float(seconds))
    return say("slept")


def spin():
    while True:
        pass


def prints():
    print("to the standard output")
    print("to the standard error", file=sys.stderr)
    os.system("echo from a shell")
    sys.stdout.write("without an end")
    return say("printed")


def logs():
    logging.getLogger("other").debug("not to be seen")
    logging.getLogger("other").info("from somebody else")
    log.warning("a warning of %d", 7)
    warnings.warn("old ways")
    try:
        raise ValueError("in a log")
    except ValueError:
        log.exception("an error")
    return say("logged")


def fork():
    child = os.fork()
    if child == 0:
        os._exit(7)
    return say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def fork_and_return():
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return say("child" if child == 0 else "parent")


def orphan():
    """Leaves a child behind that lives on, with all that it has inherited."""
    child = os.fork()
    if child == 0:
        time.sleep(120)
        os._exit(0)
    return say(child)


def threads():
    found = []
    working = [threading.Thread(target=found.append, args=(each,)) for each in range(20)]
    for each in working:
        each.start()
    for each in working:
        each.join()
    return say(sorted(found) == list(range(20)))


def program():
    return say(subprocess.run(["sh", "-c", "echo $0 $PPID", "child"], capture_output=True, text=True).stdout)


def stubborn_program():
    """A program that refuses to end."""
    subprocess.run(["sh", "-c", "trap '' TERM; while true; do sleep 3600; done"])


def square(number):
    return number * number


def pool(method="fork"):
    with multiprocessing.get_context(method).Pool(2) as workers:
        return say(workers.map(square, range(4)))


def refuse():
    """From now on, SIGTERM is ignored."""
    ctypes.CDLL(None).signal(int(signal.SIGTERM), ctypes.c_void_p(1))
    return say("refused")


def leave():
    sys.exit("left")


def end():
    os._exit(9)


def crash():
    ctypes.string_at(0)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def secret():
    raise ConnectionError("cannot reach " + API)


def deep():
    return deep()


def huge():
    """More than a line may have."""
    return say("x" * (65 * 1024 * 1024))


def table(rows="100000"):
    body = "".join("| %d | row |\n" % each for each in range(int(rows)))
    return say("| **Number** | **What** |\n| -: | :- |\n" + body)


def row():
    """A row that no post can hold."""
    return say("| **Wide** |\n| :- |\n| %s |\n" % ("x" * 20000))


def flood():
    for number in range(20000):
        print("line %d of a flood" % number)
    return say("flooded")


def state():
    """Counts its calls in a file beside its code, by a path from the checkout."""
    path = os.path.join("commands", "conduct", "count.json")
    try:
        with open(path) as file:
            count = int(file.read()) + 1
    except FileNotFoundError:
        count = 1
    with open(path, "w") as file:
        file.write(str(count))
    return say(count)


def whoami():
    return say("%d %s %s" % (os.getpid(), os.getcwd(), threading.current_thread().name))


def process(command, channel, username, params, files, conn):
    return globals()[params[0]](*params[1:])
