"""The server's process: starting it, asking it, and telling how it died."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from . import wire

_START = "import sys; sys.path.append(sys.argv[1]); from oracle.server import main; main()"
"""Isolated mode (`-I`) plus our folder at the end of the path: nothing of ours can shadow what MXNet imports."""

_SECONDS_TO_LEAVE = 5.0


class OracleError(Exception):
    """Real MXNet objected; `type` and `message` are its exception's, `traceback` is the text of its stack."""

    def __init__(self, request: str, type: str, message: str, traceback: str) -> None:
        super().__init__(f"`{request}` failed in real MXNet: {traceback or f'{type}: {message}'}")
        self.request, self.type, self.message, self.traceback = request, type, message, traceback


class OracleCrash(OracleError):
    """The server died over a request, or did not answer in time. The next request starts another."""


class Pipe:
    """A server that starts with the first question, and again after a crash.

    Parameters
    ----------
    python : Path
        The interpreter that has MXNet.
    timeout : float
        Seconds to wait for an answer.
    settings : mapping
        MXNet's environment variables. Those of the user's shell are dropped: they would change its answers.
    """

    def __init__(self, python: Path, timeout: float, settings: Mapping[str, str]) -> None:
        self._python, self._timeout, self._settings = python, timeout, dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def ask(self, request: str, arguments: dict[str, Any]) -> Any:
        """Put one question and wait for the answer.

        Raises
        ------
        OracleError
            MXNet objected.
        OracleCrash
            There was no answer; what the server last said on standard error is in the message.
        TypeError
            An argument cannot travel.
        """
        process, log = self._running()
        assert process.stdin is not None
        log_start = log.seek(0, os.SEEK_END)
        try:
            wire.write(cast(BinaryIO, process.stdin), {"request": request, "arguments": arguments})
            answer = wire.read(_ReadUntil(process, time.monotonic() + self._timeout))
        except TypeError:
            raise  # an argument that cannot travel; nothing was sent
        except (BrokenPipeError, EOFError, TimeoutError) as problem:
            process.kill()
            end = f"no answer within {self._timeout:g} seconds"
            if not isinstance(problem, TimeoutError):
                end = _how_it_ended(process)
            log.seek(log_start)
            said = log.read().decode(errors="replace")[-4000:].strip()
            self.close()
            raise OracleCrash(request, "crash", end, f"{end}\n{said}".strip()) from problem
        except BaseException:
            # Interrupted between question and answer: the pipe is out of step and must not be used again.
            process.kill()
            self.close()
            raise
        if "error" in answer:
            raise OracleError(request, answer["error"], answer["message"], answer["traceback"])
        return answer["answer"]

    def _running(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        if self._process is not None and self._log is not None:
            return self._process, self._log
        tests = Path(__file__).parents[1]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MXNET_")}
        environment |= {"OMP_NUM_THREADS": "2", **self._settings}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._process = subprocess.Popen(
            [self._python, "-I", "-W", "ignore", "-c", _START, tests],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the tests; the server ends when they close the pipe
        )
        return self._process, self._log

    def close(self) -> None:
        """End the server. The next question would start another."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):  # it died with half a request still in our buffer
                process.stdin.close()
            try:
                process.wait(_SECONDS_TO_LEAVE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
        if self._log is not None:
            self._log.close()
            self._log = None


class _ReadUntil:
    """Reads exactly so many bytes of a process's standard output, before a point in time."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        assert process.stdout is not None
        self._descriptor = process.stdout.fileno()
        self._deadline = deadline

    def __call__(self, count: int) -> bytes:
        content = bytearray()
        while len(content) < count:
            left = self._deadline - time.monotonic()
            if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
                raise TimeoutError
            part = os.read(self._descriptor, min(count - len(content), 1 << 20))
            if not part:
                raise EOFError
            content += part
        return bytes(content)


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    code = process.wait()
    return f"the server died of {signal.Signals(-code).name}" if code < 0 else f"the server left with code {code}"
