"""Ends its program politely."""

BINDS = ["@leaves"]
CHANS = ["any"]
