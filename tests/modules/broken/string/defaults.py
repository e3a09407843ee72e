"""Says of itself what is of the wrong type."""

BINDS = "@string"
CHANS = ["any"]
