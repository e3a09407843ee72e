#!/usr/bin/env python3
# A module for tests: what it does is its first parameter.
import json, os, signal, subprocess, sys, threading, time

lock = threading.Lock()
responses = {}
FOLDER = os.path.dirname(os.path.abspath(__file__))


def say(message):
    with lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def note(name, text):
    with open(os.path.join(FOLDER, name + ".new"), "w") as file:
        file.write(str(text))
    os.rename(os.path.join(FOLDER, name + ".new"), os.path.join(FOLDER, name))


def wait_for(name):
    while not os.path.exists(os.path.join(FOLDER, name)):
        time.sleep(0.01)


def double_fork(session):
    """A process whose parent is gone."""
    read, write = os.pipe()
    if os.fork() == 0:
        if session:
            os.setsid()
        if os.fork() == 0:
            for number in (0, 1, 2):
                os.close(number)
            os.write(write, str(os.getpid()).encode())
            os.close(write)
            while True:
                time.sleep(1000)
        os._exit(0)
    os.wait()
    return int(os.read(read, 100))


def act(call):
    word, *rest = call["parameters"] or ["echo"]
    if word == "echo":
        return " ".join(rest)
    if word == "version":
        return VERSION
    if word == "pid":
        return str(os.getpid())
    if word == "environment":
        return json.dumps(dict(os.environ))
    if word == "wait":
        note("waiting", os.getpid())
        wait_for(rest[0])
        return "waited"
    if word == "progress":
        say({"type": "progress", "call": call["id"], "text": "half"})
        return "whole"
    if word == "print":
        print("a stray print", flush=True)
        print("to standard error", file=sys.stderr, flush=True)
        return "printed"
    if word == "large":
        return "x" * int(rest[0])
    if word == "hang":
        note("hanging", os.getpid())
        time.sleep(1000)
    if word == "spin":
        note("hanging", os.getpid())
        while True:
            pass
    if word == "flood":
        while True:
            os.write(1, b"x" * 65536)
    if word == "prints":
        for number in range(int(rest[0])):
            print("line", number)
        return "printed"
    if word == "malformed":
        say({"type": "result", "call": call["id"], "messages": [{"text": 7}]})
        return None
    if word == "quote":
        say({"type": "result", "call": call["id"], "messages": "\n" * int(rest[0])})
        return None
    if word == "log":
        say({"type": "log", "level": "info", "text": "x" * int(rest[0])})
        return "logged"
    if word == "another":
        say({"type": "result", "call": rest[0], "messages": []})
        return "mine"
    if word == "fail":
        say({"type": "error", "call": call["id"], "trace": "KeyError: 'secret'" + "x" * int((rest or [0])[0])})
        return None
    if word == "exit":
        os._exit(int(rest[0]))
    if word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "leave":
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True).pid
        note("left", " ".join(map(str, [os.getpid(), child, double_fork(False), double_fork(True)])))
        if rest == ["hang"]:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(1000)
        return "left"
    if word == "hop":
        # A process that is never the same for long.
        code = "import os\nwhile os.fork() == 0: pass"
        child = subprocess.Popen([sys.executable, "-c", code])
        child.wait()
        note("hopping", os.getpid())
        time.sleep(1000)
    if word == "memory":
        try:
            bytearray(8 << 30)
        except MemoryError:
            return "no memory"
        return "memory"
    if word == "request":
        say({"type": "request", "id": "r1", "call": call["id"], "method": "users.get_user", "arguments": rest})
        while "r1" not in responses:
            time.sleep(0.01)
        return json.dumps(responses.pop("r1"))
    if word == "storm":
        count = int(rest[0])
        for number in range(count):
            say({"type": "request", "id": str(number), "call": call["id"], "method": "users.get_user", "arguments": []})
        say({"type": "log", "level": "info", "text": "all is asked"})
        while len(responses) < count:
            time.sleep(0.01)
        refused = [each for each in responses.values() if "error" in each]
        return "%d of %d refused" % (len(refused), len(responses))
    raise SystemExit("unknown: " + word)


def run(call):
    text = act(call)
    if text is not None:
        say({"type": "result", "call": call["id"], "messages": [{"text": text}]})


VERSION = "1"
HELLO = {"binds": ["@module"], "concurrency": 1}
say({"type": "hello", "protocol": 1, **HELLO})
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "response":
        responses[message["id"]] = message
    elif message["type"] == "hook":
        say({"type": "result", "call": message["id"], "messages": []})
    else:
        threading.Thread(target=run, args=(message,), daemon=True).start()
