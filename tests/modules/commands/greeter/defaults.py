"""Greets who joins."""

BINDS = ["@greeter"]
CHANS = ["any"]
HOOKS = ["on_join", "reconcile"]
