"""What the bot knows of the module before anybody calls it; a `settings.py` beside it overrides single names."""

# The words that call it.
BINDS = ["@NAME"]

# The channels that it is available in at first, by the name in their URL; ["any"] is every channel. Later on,
# `@bind NAME` and `@unbind NAME` decide.
CHANS = []

# What `@help @NAME` tells.
HELP = {
    "DEFAULT": {
        "args": "<text>",
        "desc": "says back what it is given",
    },
}
