"""The peer's side of the runner's protocol. Imports the standard library only: every peer can use it."""

import json
import sys
import time


def serve(turn):
    """Answer every line with the time that ``turn()`` takes and the amount that it returns."""
    for _ in sys.stdin:
        began = time.perf_counter()
        amount = turn()
        seconds = time.perf_counter() - began
        print("turn " + json.dumps({"seconds": seconds, "amount": amount}), flush=True)
