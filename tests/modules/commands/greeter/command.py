"""Does not import its hooks by itself."""


def process(command, channel, username, params, files, conn):
    from greeter.greeter import seen

    return {"messages": [{"text": ", ".join(seen)}]}
