import a_package_that_nobody_has


def process(command, channel, username, params, files, conn):
    return {"messages": [{"text": "fine"}]}
