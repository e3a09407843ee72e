"""`conn`: upstream hands modules a live driver of the server; here each of its calls is a request to the bot.

The token is the bot's alone, so that a module can ask for what the bot may do on its behalf, and for nothing else.
"""

import base64
import itertools
import json
import queue

from matterbot_python.wire import TooLong

# What modules may ask for, by the driver's names (docs/modules.md). The bot decides on each request.
METHODS = {
    "files": ("get_file",),
    "users": ("get_user", "get_user_by_username"),
    "channels": (
        "create_direct_message_channel",
        "get_channel",
        "get_channel_by_name",
        "get_channel_member",
        "get_channel_members",
    ),
    "posts": ("create_post",),
    "teams": ("get_team", "get_team_by_name", "get_teams_for_user", "get_user_teams"),
}


class RequestFailed(Exception):
    """The bot could not, or would not, do what a module asked for."""


class Requests:
    """Requests that wait for their responses."""

    def __init__(self, channel):
        self._channel = channel
        self._numbers = itertools.count(1)
        self._waiting = {}
        self._is_over = False

    def ask(self, call, method, arguments, keywords):
        """Asks, and waits for the response as long as it takes: the call has a deadline."""
        if not self._channel.is_ours():
            raise RequestFailed("conn.%s: only the module's own process can ask, not one that it has forked" % method)
        key = "r%d" % next(self._numbers)
        answered = self._waiting[key] = queue.SimpleQueue()
        request = {"type": "request", "id": key, "call": call, "method": method}
        try:
            self._channel.send({**request, "arguments": plain(arguments), "keywords": plain(keywords)})
            response = {"error": "the bot is gone"} if self._is_over else answered.get()
        except (TypeError, ValueError, TooLong) as error:
            raise TypeError("conn.%s: %s" % (method, error)) from None
        finally:
            self._waiting.pop(key, None)
        if "error" in response:
            raise RequestFailed("conn.%s: %s" % (method, response["error"]))
        return response.get("result")

    def answer(self, response):
        """Hands a response to the thread that waits for it."""
        waiting = self._waiting.get(response.get("id"))
        if waiting is not None:
            waiting.put(response)

    def give_up(self):
        """No response will come any more."""
        self._is_over = True
        for waiting in list(self._waiting.values()):
            waiting.put({"error": "the bot is gone"})


def plain(value):
    """The value with bytes as the protocol writes them."""
    if isinstance(value, (bytes, bytearray)):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    return value


class Download:
    """A file, in the shape of the HTTP response that the driver returns for one."""

    status_code = 200
    ok = True

    def __init__(self, content):
        self.content = content
        self.headers = {}

    @property
    def text(self):
        """The content as text."""
        return self.content.decode("utf-8", "replace")

    def json(self):
        """The content as JSON."""
        return json.loads(self.content)

    def raise_for_status(self):
        """The file is there."""


class Connection:
    """What a module gets as `conn`, for one call."""

    def __init__(self, requests, call):
        for group in METHODS:
            setattr(self, group, Group(requests, call, group))

    def __getattr__(self, name):
        raise AttributeError(
            "conn.%s: modules have no connection of their own to Mattermost; the bot offers %s"
            % (name, ", ".join("conn." + group for group in METHODS))
        )


class Group:
    """The methods of one kind of thing."""

    def __init__(self, requests, call, name):
        self._requests, self._call, self._name = requests, call, name

    def __getattr__(self, name):
        method = "%s.%s" % (self._name, name)
        if name not in METHODS[self._name]:
            raise AttributeError(
                "conn.%s: the bot does not do this for modules; of conn.%s it offers %s"
                % (method, self._name, ", ".join(METHODS[self._name]))
            )

        def ask(*arguments, **keywords):
            result = self._requests.ask(self._call, method, arguments, keywords)
            if isinstance(result, dict) and set(result) == {"base64"}:
                return Download(base64.b64decode(result["base64"]))
            return result

        ask.__name__ = name
        return ask
