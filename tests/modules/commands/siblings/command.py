"""Imports its siblings by every name that they have."""

import cmdutils
import watchlist.store
from commands import cmdutils as common
from commands.watchlist import store
from watchlist.command import scan_message

from ..watchlist import command as relative


def process(command, channel, username, params, files, conn):
    import commands.watchlist.command
    import watchlist.command

    same = {
        "store": watchlist.store is store is relative.store,
        "command": watchlist.command is commands.watchlist.command is relative,
        "function": scan_message is relative.scan_message,
        "cmdutils": cmdutils is common,
        "name": store.__name__ == store.__spec__.name == "commands.watchlist.store",
    }
    return {"messages": [{"text": "%s: %s" % (each, same[each])} for each in sorted(same)]}
