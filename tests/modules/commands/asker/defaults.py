"""Asks the server."""

BINDS = ["@asker"]
CHANS = ["any"]
