import time

while True:
    try:
        time.sleep(3600)
    except BaseException:
        pass


def process(command, channel, username, params, files, conn):
    return {"messages": [{"text": "fine"}]}
