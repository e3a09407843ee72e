#!/usr/bin/env python3
"""Posts a message to the playground's town-square as one of its people, and prints the answers as they come.

    python3 examples/chat.py PERSON MESSAGE...
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

SERVER = os.environ.get("PLAYGROUND", "http://127.0.0.1:8065")
PATIENCE = 10.0  # seconds without a new answer


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


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: chat.py PERSON MESSAGE...   (admin, olga, pat or guest)")
    person, message = sys.argv[1], " ".join(sys.argv[2:])
    login = {"login_id": person, "password": "Playground-1"}
    headers, _ = request("POST", "/users/login", login)
    token = headers["Token"]
    _, channel = request("GET", "/teams/name/ops/channels/name/town-square", token=token)
    _, root = request("POST", "/posts", {"channel_id": channel["id"], "message": message}, token)
    seen, last = set(), time.monotonic()
    while time.monotonic() - last < PATIENCE:
        for post in answers(root["id"], token):
            if post["id"] not in seen:
                seen.add(post["id"])
                last = time.monotonic()
                print(post["message"] + "\n")
                final = post["props"].get("matterbot", {})
                if final.get("kind") == "outcome" and final.get("part") == final.get("parts"):
                    return
        time.sleep(0.1)
    print("(no answer)" if not seen else "(no more answers)")


if __name__ == "__main__":
    try:
        main()
    except urllib.error.URLError as error:
        sys.exit(f"{SERVER}: {error}; is the playground running?")
