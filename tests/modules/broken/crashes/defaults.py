"""Crashes the interpreter."""

BINDS = ["@crashes"]
CHANS = ["any"]
