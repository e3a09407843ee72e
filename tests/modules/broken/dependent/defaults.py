"""Needs a sibling that cannot be imported."""

BINDS = ["@dependent"]
CHANS = ["any"]
