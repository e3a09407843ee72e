#!/usr/bin/env python3
# A module of the soak: it writes down that a call has started, and answers.
import json, os, sys, threading, time

folder = os.path.dirname(os.path.abspath(__file__))
name = os.path.basename(folder)
lock = threading.Lock()


def say(message):
    with lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def run(call):
    started = os.open(os.path.join(folder, "started"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(started, (call["id"] + "\n").encode())
    os.close(started)
    if call["parameters"] == ["slow"]:
        time.sleep(0.4)
    say({"type": "result", "call": call["id"], "messages": [{"text": "noted " + " ".join(call["parameters"])}]})


say({"type": "hello", "protocol": 1, "channels": ["any"], "binds": ["@" + name, "!" + name],
     "risk": "act" if name == "change" else "read", "concurrency": 4})
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "call":
        threading.Thread(target=run, args=[message], daemon=True).start()
