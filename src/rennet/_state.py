"""The thread's two flags: is a gradient being recorded, and is this training."""

from __future__ import annotations

import threading


class Flags(threading.local):
    """Recording and training, per thread; both off at first."""

    recording = False
    training = False


flags = Flags()
