"""Needs a package that is not installed."""

BINDS = ["@missing"]
CHANS = ["any"]
