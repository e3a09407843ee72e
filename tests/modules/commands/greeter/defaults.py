"""Greets who joins."""

BINDS = ["@greeter"]
CHANS = ["any"]
