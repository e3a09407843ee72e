# What the interpreter is started with (`python3 -c`): reads the other files from its standard input, a socket, and
# runs them. It must be understood by every Python, so that one that is too old is told of and not a riddle.
import json, os, sys, types

def take(count):
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data

length = b""
while not length.endswith(b"\n"):
    length += take(1)
sources = json.loads(take(int(length)).decode("utf-8"))
if sys.version_info < (3, 9):
    reason = "%s is Python %s; command modules need 3.9 or later" % (sys.executable, sys.version.split()[0])
    os.write(0, (json.dumps({"type": "unusable", "reason": reason}) + "\n").encode("utf-8"))
    while os.read(0, 65536):
        pass
    sys.exit(0)

def load(last):
    while sources:
        name, source = sources.pop(0)
        module = types.ModuleType(name)
        sys.modules[name] = module
        exec(compile(source, "<%s>" % name, "exec"), module.__dict__)
        if name == last:
            return module

sys.modules["matterbot_python"] = types.ModuleType("matterbot_python")
load("matterbot_python.interpreter").main(load)
