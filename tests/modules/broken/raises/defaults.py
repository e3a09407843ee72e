"""Raises what cannot tell itself."""

BINDS = ["@raises"]
CHANS = ["any"]
