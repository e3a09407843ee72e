"""The bind is another module's setting, as feeds do it."""

from dice.defaults import SIDES

BINDS = ["@d%d" % SIDES]
CHANS = ["any"]
