# A module in upstream's shape, for tests: what it does is its first parameter.
import os, signal, subprocess, sys, threading, time

VERSION = "1"
FOLDER = os.path.dirname(os.path.abspath(__file__))


def text(string):
    return {"messages": [{"text": string}]}


def note(name, content):
    with open(os.path.join(FOLDER, name + ".new"), "w") as file:
        file.write(str(content))
    os.rename(os.path.join(FOLDER, name + ".new"), os.path.join(FOLDER, name))


def process(command, channel, username, params, files, conn):
    word, *rest = params
    if word == "echo":
        return text(" ".join(rest))
    if word == "version":
        return text(VERSION)
    if word == "pid":
        return text(str(os.getpid()))
    if word == "print":
        print("a stray print")
        print("to standard error", file=sys.stderr)
        os.system("echo from a child")
        return text("printed")
    if word == "raise":
        raise KeyError("secret")
    if word == "hang":
        note("hanging", os.getpid())
        time.sleep(1000)
    if word == "spin":
        note("hanging", os.getpid())
        while True:
            pass
    if word == "wait":
        while not os.path.exists(os.path.join(FOLDER, rest[0])):
            time.sleep(0.01)
        return text("waited")
    if word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "exit":
        os._exit(int(rest[0]))
    if word == "leave":
        signal.signal(signal.SIGTERM, signal.SIG_IGN) if threading.current_thread() is threading.main_thread() else None
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True).pid
        shell = subprocess.run(["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!"], stdout=subprocess.PIPE)
        note("left", " ".join([str(os.getpid()), str(child), shell.stdout.decode().strip()]))
        return text("left")
    if word == "large":
        return text("x" * int(rest[0]))
    if word == "request":
        return text(conn.users.get_user(rest[0])["username"])
