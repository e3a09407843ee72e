#!/usr/bin/env python3
# A module for tests: what it does is its first parameter.
import base64, json, os, subprocess, sys, threading, time

lock = threading.Lock()
responses = {}


def say(message):
    with lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def file(name, content):
    return {"filename": name, "bytes": base64.b64encode(content).decode()}


def ask(call, method, arguments):
    say({"type": "request", "id": call["id"], "call": call["id"], "method": method, "arguments": arguments})
    while call["id"] not in responses:
        time.sleep(0.005)
    return responses.pop(call["id"])


def act(call):
    word, *rest = call["parameters"] or ["nothing"]
    if word == "echo":
        return [{"text": " ".join(rest)}]
    if word == "call":
        return [{"text": "```\n" + json.dumps({key: call[key] for key in rest if key in call}) + "\n```"}]
    if word == "nothing":
        return []
    if word == "two":
        return [{"text": "first"}, {"text": "second", "uploads": [file("b.txt", b"b")]}]
    if word == "files":
        return [{"text": "", "uploads": [file(f"{n}.bin", bytes([n])) for n in range(int(rest[0]))]}]
    if word == "recurse":
        return [{"text": f"@{rest[0]} recurse {NAME}"}]
    if word == "progress":
        say({"type": "progress", "call": call["id"], "text": "half"})
        return [{"text": "whole"}]
    if word == "fail":
        say({"type": "error", "call": call["id"], "trace": "KeyError: 'hunter2'"})
        return None
    if word == "exit":
        os._exit(3)
    if word == "hang":
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "hanging.new"), "w") as out:
            out.write(f"{os.getpid()} {child.pid}")
        os.rename(out.name, out.name[:-4])
        time.sleep(1000)
    if word == "wait":
        folder = os.path.dirname(os.path.abspath(__file__))
        with open(os.path.join(folder, "started"), "a") as out:
            out.write(rest[0] + "\n")
        while not os.path.exists(os.path.join(folder, "go")):
            time.sleep(0.005)
        return [{"text": "waited " + rest[0]}]
    if word == "chatter":
        for number in range(int(rest[0])):
            say({"type": "progress", "call": call["id"], "text": str(number) + "x" * int(rest[1])})
        return [{"text": "y" * int(rest[2])}]
    if word == "ask":
        return [{"text": "```\n" + json.dumps(ask(call, rest[0], json.loads(rest[1]))) + "\n```"}]
    if word == "size":
        response = ask(call, "files.get_file", [call["files"][0]["id"]])
        if "error" in response:
            return [{"text": response["error"]}]
        return [{"text": str(len(base64.b64decode(response["result"]["base64"])))}]
    return [{"text": NAME + ": " + " ".join(call["parameters"])}]


def run(call):
    messages = act(call)
    if messages is not None:
        say({"type": "result", "call": call["id"], "messages": messages})


NAME = os.path.basename(os.path.dirname(os.path.abspath(__file__)))
hello = HELLO
time.sleep(hello.pop("after", 0))
say({"type": "hello", "protocol": 1, "concurrency": 8, "channels": ["any"], "binds": ["@" + NAME], **hello})
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "response":
        responses[message["id"]] = message
    elif message["type"] == "hook":
        say({"type": "log", "level": "info", "text": json.dumps(message)})
        say({"type": "result", "call": message["id"], "messages": []})
    else:
        threading.Thread(target=run, args=(message,), daemon=True).start()
