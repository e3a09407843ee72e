"""Is never imported."""

BINDS = ["@hangs"]
CHANS = ["any"]
