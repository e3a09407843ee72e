"""What `process` returns, as the messages of an answer: every shape that upstream's bot posts, and one that it cannot."""

import base64
import logging

from matterbot_python.staging import a


class Malformed(Exception):
    """What was returned is no answer; the text says what is wrong."""


def messages(returned):
    """The messages of what `process` returned; none at all is a silent success."""
    if isinstance(returned, dict):
        returned = returned.get("messages")
    elif returned:
        raise Malformed("process returned %s, not None or a dictionary with the key 'messages'" % a(returned))
    if not returned:
        return []
    if isinstance(returned, (str, bytes, bytearray, dict)) or not hasattr(returned, "__iter__"):
        raise Malformed("'messages' is %s, not a list" % a(returned))
    found, faults = [], []
    for number, each in enumerate(returned, 1):
        try:
            found.append(message(each, "message %d" % number))
        except Malformed as fault:
            faults.append(str(fault))
            found.append({"text": "*Message %d of this answer cannot be shown.*" % number, "uploads": []})
    if len(faults) == len(found) and faults:
        raise Malformed(faults[0])
    for fault in faults:
        logging.getLogger("MatterBot").warning("a message of an answer cannot be shown: %s", fault)
    return [each for each in found if each["text"] or each["uploads"]]


def message(given, where):
    """One message; `where` names it if something is wrong."""
    if not isinstance(given, dict):
        raise Malformed("%s is %s, not a dictionary" % (where, a(given)))
    text = given.get("text")
    if text is not None and not isinstance(text, str):
        raise Malformed("the text of %s is %s, not a string" % (where, a(text)))
    files = uploads(given.get("uploads"), where)
    if text is None and not files:
        raise Malformed("%s has neither a text nor uploads" % where)
    return {"text": text or "", "uploads": files}


def uploads(given, where):
    """The files of a message: none, one, a list, or a feed's dictionary of a list."""
    if isinstance(given, dict):
        given = given["uploads"] if "uploads" in given else [given]
    if not given:
        return []
    if isinstance(given, (str, bytes, bytearray)) or not hasattr(given, "__iter__"):
        raise Malformed("the uploads of %s are %s, not a list" % (where, a(given)))
    return [upload(each, "upload %d of %s" % (number, where)) for number, each in enumerate(given, 1)]


def upload(given, where):
    """One file."""
    if not isinstance(given, dict):
        raise Malformed("%s is %s, not a dictionary" % (where, a(given)))
    filename, content = given.get("filename"), given.get("bytes")
    if not isinstance(filename, str) or not filename:
        raise Malformed("%s has no filename" % where)
    if isinstance(content, str):
        content = content.encode("utf-8", "replace")
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise Malformed("the bytes of %s are %s, not bytes or a string" % (where, a(content)))
    return {"filename": filename, "bytes": base64.b64encode(content).decode("ascii")}
