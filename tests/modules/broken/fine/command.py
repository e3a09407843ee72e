"""Imports by the usual name of the folder, and by the one that it has."""

import shared
from broken import shared as by_name
from commands import shared as by_custom
from commands.fine import defaults


def process(command, channel, username, params, files, conn):
    same = shared is by_name is by_custom and defaults.__name__ == "broken.fine.defaults"
    return {"messages": [{"text": shared.WORD if same else "twice"}]}
