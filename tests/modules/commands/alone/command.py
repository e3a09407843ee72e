"""Counts its calls."""

import itertools

numbers = itertools.count(1)


def process(command, channel, username, params, files, conn):
    return {"messages": [{"text": str(next(numbers))}]}
