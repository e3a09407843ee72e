"""The one that is as it should be."""

BINDS = ["@fine"]
CHANS = ["any"]
