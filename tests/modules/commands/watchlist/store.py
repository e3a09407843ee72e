"""The words, in memory: they are there once, or what is added is never found."""

words = set()
