"""Is not Python."""

BINDS = ["@syntax"]
CHANS = ["any"]
