"""Helpers that the modules of this folder share; a checkout has a file of this name with functions of these names."""

import ipaddress
import re

HASHES = {32: "md5", 40: "sha1", 64: "sha256"}


def handles(*types):
    """Marks a `process` as one that takes only these types of indicators."""

    def mark(process):
        process.accepts = list(types)
        return process

    return mark


def classify(value):
    """The indicator and its type; none if it looks like nothing that is known."""
    value = value.strip()
    if re.fullmatch("[0-9a-fA-F]+", value) and len(value) in HASHES:
        return value.lower(), HASHES[len(value)]
    if re.match("https?://", value):
        return value, "url"
    try:
        return value, "ip" if ipaddress.ip_address(value).version == 4 else "ipv6"
    except ValueError:
        return value, None
