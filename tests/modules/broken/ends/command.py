import os

print("about to end", flush=True)
os._exit(3)


def process(command, channel, username, params, files, conn):
    return {"messages": [{"text": "fine"}]}
