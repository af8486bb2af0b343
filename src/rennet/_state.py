"""The thread's flags: is a gradient being recorded, is this training, are unrolled recurrences fused."""

from __future__ import annotations

import threading


class Flags(threading.local):
    """Recording and training, off at first, and fusing, on; per thread."""

    recording = False
    training = False
    fusing = True


flags = Flags()
