#!/usr/bin/env python3
"""Posts a message to the playground's town-square as one of its people, and prints the answers as they come.

    python3 chat.py PERSON MESSAGE...

PERSON is admin, olga, pat or guest. The variable PLAYGROUND names another address than http://127.0.0.1:8065.
It ends with 0 once the message has its answer, a reaction at least, and with 1 if none came or the server cannot be
asked.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

SERVER = os.environ.get("PLAYGROUND", "http://127.0.0.1:8065")
PATIENCE = 10.0  # seconds without a new answer
MORE = 1.0  # seconds after an outcome in which another one may follow
SETTLED_MARKS = {"white_check_mark": "✅", "hourglass_flowing_sand": "⏳ too many commands at once"}
SETTLED = set(SETTLED_MARKS)


def request(method, path, body=None, token=None):
    """One call of Mattermost's REST interface; gives the answer's headers and JSON."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(SERVER + "/api/v4" + path, data, headers, method=method)
    with urllib.request.urlopen(call, timeout=10) as answer:
        return answer.headers, json.load(answer)


def answers(root, token):
    """The posts of the thread below `root`, oldest first."""
    _, thread = request("GET", f"/posts/{root}/thread", token=token)
    posts = [post for post in thread["posts"].values() if post["id"] != root]
    return sorted(posts, key=lambda post: post["create_at"])


def log_in(person):
    """The token of a session of `person`."""
    try:
        headers, _ = request("POST", "/users/login", {"login_id": person, "password": "Playground-1"})
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise
        sys.exit(f"{SERVER} lets no {person!r} in: its people are admin, olga, pat and guest")
    return headers["Token"]


def reactions(root, token):
    """The names of the reactions to the post `root`."""
    _, found = request("GET", f"/posts/{root}/reactions", token=token)
    return {reaction["emoji_name"] for reaction in found or []}


def is_outcome(post):
    """Whether a post is the last one of a command's outcome."""
    props = post["props"].get("matterbot", {})
    return props.get("kind") == "outcome" and props.get("part") == props.get("parts")


def converse(person, message):
    """Posts the message and prints the answers; gives the exit status."""
    token = log_in(person)
    _, channel = request("GET", "/teams/name/ops/channels/name/town-square", token=token)
    _, root = request("POST", "/posts", {"channel_id": channel["id"], "message": message}, token)
    seen, answered, end = set(), False, time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for post in answers(root["id"], token):
            if post["id"] not in seen:
                seen.add(post["id"])
                answered = answered or is_outcome(post)
                # A word of several modules has several outcomes.
                end = time.monotonic() + (MORE if answered else PATIENCE)
                print(post["message"] + "\n", flush=True)
        marks = reactions(root["id"], token)
        for name in SETTLED & marks:
            print(SETTLED_MARKS[name])
            return 0
        if "eyes" in marks and not answered:
            # It is being worked on; what takes too long is told after its deadline.
            end = max(end, time.monotonic() + PATIENCE)
        time.sleep(0.1)
    if not answered:
        print("(no more answers)" if seen else "(no answer: is it a command, and does the bot run?)")
    return 0 if answered else 1


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: chat.py PERSON MESSAGE...   (admin, olga, pat or guest)")
    try:
        sys.exit(converse(sys.argv[1], " ".join(sys.argv[2:])))
    except urllib.error.HTTPError as error:
        sys.exit(f"{SERVER} answers {error.code} ({error.reason}): {error.read(300).decode(errors='replace')}")
    except (KeyError, ValueError) as error:
        sys.exit(f"{SERVER} does not answer as a playground does ({error!r}); PLAYGROUND names another address")
    except OSError as error:
        sys.exit(f"{SERVER} cannot be reached: {getattr(error, 'reason', error)}; does `matterbot playground` run there?")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
