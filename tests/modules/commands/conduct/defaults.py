"""Everything that a module should not do, by name."""

BINDS = ["@conduct"]
CHANS = ["any"]
HELP = {"DEFAULT": {"args": "<what>", "desc": "misbehaves"}}
