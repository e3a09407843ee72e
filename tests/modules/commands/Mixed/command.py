"""Finds its own file by the folder's name and by the module's."""

import Mixed.defaults
import mixed.defaults


def process(command, channel, username, params, files, conn):
    return {"messages": [{"text": str(Mixed.defaults is mixed.defaults)}]}
