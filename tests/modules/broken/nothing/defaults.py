"""Says of itself what is of the wrong type."""

BINDS = ["@nothing"]
CHANS = None
