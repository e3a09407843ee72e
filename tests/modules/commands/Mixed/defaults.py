"""In a folder whose name has a capital."""

BINDS = ["@mixed"]
CHANS = ["any"]
