"""What the bot knows of the module before anybody calls it."""

BINDS = ["@dice", "!dice"]
CHANS = ["any"]
HELP = {
    "DEFAULT": {
        "args": "[number]d[sides]",
        "desc": "rolls dice: `@dice 2d6` rolls two with six sides, `@dice` alone one",
    },
}
