"""What the operator wants otherwise."""

CHANS = ["any"]
SIDES = 20
