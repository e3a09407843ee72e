BINDS = ["@errand"]
CHANS = ["any"]
HELP = {"DEFAULT": {"args": "leave|hang|nap|write|python", "desc": "does one thing that a test asks for"}}
