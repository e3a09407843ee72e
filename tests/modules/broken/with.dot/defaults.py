"""Has a dot in its name."""

BINDS = ["@with.dot"]
CHANS = ["any"]
