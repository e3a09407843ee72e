"""Starts a thread when it is imported."""

BINDS = ["@ticker"]
CHANS = ["any"]
