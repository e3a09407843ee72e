"""Makes noise when it is imported, and a mess."""

BINDS = ["@noisy"]
CHANS = ["any"]
