"""Says of itself too little."""

BINDS = ["@nowhere"]
