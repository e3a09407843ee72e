"""@NAME: says back what it is given.

`process` is called on a thread of its own for every command; what it raises stays in the log. Try a change with
`matterbot try '@NAME hello'`; `@reload` in the chat puts it into service.
"""


def process(command, channel, username, params, files, conn):
    """Answers one command.

    `command` is the word that was typed, `channel` the channel's name in its URL, `username` who asks, with an @;
    `params` are the words after the command, `files` what is attached; `conn` reaches the server.
    """
    if not params:
        return {"messages": [{"text": f"What shall I say? `{command} hello`"}]}
    return {"messages": [{"text": f"{username} says: {' '.join(params)}"}]}
