"""Returns what it is asked for: what upstream's bot posts, and what no bot can."""


def one(upload):
    return {"messages": [{"text": "file", "uploads": upload}]}


class Untellable(Exception):
    def __str__(self):
        raise ValueError("no words")


SHAPES = {
    "none": lambda: None,
    "empty": lambda: {},
    "false": lambda: False,
    "no_messages": lambda: {"messages": None},
    "other_keys": lambda: {"thread": True},
    "text": lambda: {"messages": [{"text": "one"}, {"text": "two", "uploads": None, "thread": True}]},
    "tuple": lambda: {"messages": ({"text": "one"}, {"text": ""})},
    "generated": lambda: {"messages": ({"text": each} for each in ("one", "two"))},
    "half_surrogate": lambda: {"messages": [{"text": "a\ud83dz \U0001f44d \x00"}]},
    "bytes": lambda: one([{"filename": "a.bin", "bytes": b"\x00\xff"}]),
    "bytearray": lambda: one(({"filename": "a.bin", "bytes": bytearray(b"ab")},)),
    "str": lambda: one([{"filename": "a.txt", "bytes": "\u00e4"}, {"filename": "b.txt", "bytes": ""}]),
    "generated_files": lambda: one(each for each in [{"filename": "a.bin", "bytes": b"ab"}]),
    "single": lambda: one({"filename": "a.bin", "bytes": b"ab"}),
    "feed": lambda: one({"uploads": [{"filename": "a.bin", "bytes": b"ab"}]}),
    "no_text": lambda: {"messages": [{"uploads": [{"filename": "a.bin", "bytes": b"ab"}]}]},
    "string": lambda: "a text",
    "generator": lambda: (each for each in ()),
    "number": lambda: {"messages": 7},
    "messages_string": lambda: {"messages": "a text"},
    "message_string": lambda: {"messages": [{"text": "one"}, "two"]},
    "text_number": lambda: {"messages": [{"text": 7}]},
    "nothing": lambda: {"messages": [{"uploads": []}]},
    "uploads_string": lambda: one("a.bin"),
    "upload_string": lambda: one(["a.bin"]),
    "no_filename": lambda: one([{"bytes": b"ab"}]),
    "no_bytes": lambda: one([{"filename": "a.bin"}]),
    "untellable": lambda: (_ for _ in ()).throw(Untellable()),
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    "raising_generator": lambda: {"messages": (1 / 0 for _ in (1,))},
}


def process(command, channel, username, params, files, conn):
    return SHAPES[params[0]]()
