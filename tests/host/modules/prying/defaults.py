BINDS = ["@pry"]
CHANS = ["any"]
HELP = {"DEFAULT": {"args": "[process]", "desc": "tries what a module must not be able to"}}
