"""Every shape of an answer."""

BINDS = ["@shapes"]
CHANS = ("any",)
