"""Words that somebody waits for."""

BINDS = ["@watchlist"]
CHANS = ["any"]
HOOKS = ["scan_message"]
