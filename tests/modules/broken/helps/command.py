"""Would be fine."""


def process(command, channel, username, params, files, conn):
    return {"messages": [{"text": "fine"}]}
