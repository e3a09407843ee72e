"""Has to be alone in its process, and says so."""

BINDS = ["@alone"]
CHANS = ["any"]
OWN_PROCESS = True
RISK = "act"
