"""Says of itself what is of the wrong type."""

BINDS = ["@number", 7]
CHANS = ["any"]
