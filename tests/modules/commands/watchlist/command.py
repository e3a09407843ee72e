"""Tells its bot of posts with a word; the words are added by command, the posts come by hook."""

import logging

from commands.watchlist import store

log = logging.getLogger("MatterBot")


def scan_message(driver, my_id, userid, chanid, channame, username, text):
    for word in sorted(store.words):
        if word in text:
            driver.posts.create_post(options={"channel_id": chanid, "message": "%s said %s" % (username, word)})
            log.info("%s: %s %s %s", word, my_id, userid, channame)


def process(command, channel, username, params, files, conn):
    store.words.update(params)
