"""What dice are like, unless settings.py says otherwise."""

BINDS = ["@dice", "!roll"]
CHANS = ["debug"]
SIDES = 6
HELP = {
    "DEFAULT": {"args": "[number]", "desc": "rolls dice"},
    "loaded": {"args": None, "desc": "tells what it is loaded with"},
}
