"""Rolls dice; begins as modules of a checkout do, which merge their settings themselves."""

import random
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

from commands import cmdutils

_pkg = __package__ or Path(__file__).parent.name
settings = SimpleNamespace()
for _file in (".defaults", ".settings"):
    for _name, _value in vars(import_module(_file, package=_pkg)).items():
        if not _name.startswith("_"):
            setattr(settings, _name, _value)


@cmdutils.handles("ip", "domain", "phone number")
def process(command, channel, username, params, files, conn):
    if params == ["loaded"]:
        text = "%s in %s: %s sides, %s %s" % (username, channel, settings.SIDES, settings.BINDS, settings.CHANS)
    else:
        text = "%d" % random.randint(1, 10**15)
    return {"messages": [{"text": text}]}
