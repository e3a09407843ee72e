"""What the modules of this folder share, though it is not called `commands`."""

WORD = "fine"
