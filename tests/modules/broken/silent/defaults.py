"""Has nothing to call."""

BINDS = ["@silent"]
CHANS = ["any"]
