import sys

sys.exit("no settings")


def process(command, channel, username, params, files, conn):
    return {"messages": [{"text": "fine"}]}
