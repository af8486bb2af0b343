"""Real MXNet 1.9.1 in a virtual environment of its own, asked questions over a pipe.

`make` builds the environment, `server` and `answers` run inside it, `client` and `wire` on our side.
"""
