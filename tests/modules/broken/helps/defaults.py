"""Says of itself what is of the wrong type."""

BINDS = ["@helps"]
CHANS = []
HELP = {"DEFAULT": "helps"}
