"""Says of itself what is of the wrong type."""

BINDS = ["@help"]
CHANS = []
HELP = ["helps"]
