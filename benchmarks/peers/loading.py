"""A file of arrays loaded or saved: the same script for rennet and for real MXNet.

Arguments: which package (``rennet`` or ``mxnet``), ``load`` or ``save``, the file's name without ``.params``, and the
folder that it is in.
"""

import importlib
import json
import sys
from pathlib import Path

from turns import serve

package, job, name, folder = sys.argv[1:]
mx = importlib.import_module(package)
megabytes = json.loads((Path(folder) / "settings.json").read_text())["megabytes"]
path = str(Path(folder) / f"{name}.params")
target = str(Path(folder) / f"{package}-{name}.params")
arrays = None


def load():
    global arrays
    arrays = None  # as in a process that begins with loading
    arrays = mx.nd.load(path)
    mx.nd.waitall()
    return megabytes


def save():
    if name == "checked":
        mx.nd.save(target, arrays, checksum=True)
    else:
        mx.nd.save(target, arrays)
    return megabytes


if job == "save":
    load()
serve({"load": load, "save": save}[job])
