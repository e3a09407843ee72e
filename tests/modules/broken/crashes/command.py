import ctypes

ctypes.string_at(0)


def process(command, channel, username, params, files, conn):
    return {"messages": [{"text": "fine"}]}
