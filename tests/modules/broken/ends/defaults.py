"""Ends its process."""

BINDS = ["@ends"]
CHANS = ["any"]
