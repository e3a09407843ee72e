"""Answers by way of its thread: it must be there in the process that is called."""

import queue
import threading

questions, answers = queue.Queue(), queue.Queue()


def tick():
    while True:
        answers.put("tick " + questions.get())


threading.Thread(target=tick, daemon=True).start()


def process(command, channel, username, params, files, conn):
    questions.put(" ".join(params))
    return {"messages": [{"text": answers.get()}]}
