"""@dice: rolls dice, and lists all rolls in a table when they are many."""

import random
import re

MOST_DICE = 1000
MOST_SIDES = 1_000_000
THROW = re.compile(r"(\d{0,4})[dD](\d{1,7})")


def throw(text):
    """The number of dice and of their sides that `text`, such as 2d6, asks for; none if it asks for nothing like it."""
    match = THROW.fullmatch(text)
    if match is None:
        return None
    dice, sides = int(match[1] or 1), int(match[2])
    if not (1 <= dice <= MOST_DICE and 1 <= sides <= MOST_SIDES):
        return None
    return dice, sides


def table(rolls):
    """The rolls as a table, which the bot cuts between its rows if it is too long for one post."""
    rows = [f"| {number} | {roll} |" for number, roll in enumerate(rolls, 1)]
    return "\n".join(["| Die | Roll |", "| --: | --: |", *rows])


def process(command, channel, username, params, files, conn):
    wanted = throw(params[0] if params else "1d6")
    if wanted is None:
        text = f"`{command} 2d6` rolls two dice with six sides; at most {MOST_DICE} dice, and {MOST_SIDES} sides."
        return {"messages": [{"text": text}]}
    dice, sides = wanted
    rolls = [random.randint(1, sides) for _ in range(dice)]
    text = f"{username} rolls {dice}d{sides}: **{sum(rolls)}**"
    if dice == 1:
        return {"messages": [{"text": text}]}
    if dice <= 10:
        return {"messages": [{"text": f"{text} ({' + '.join(map(str, rolls))})"}]}
    return {"messages": [{"text": text}, {"text": table(rolls)}]}
