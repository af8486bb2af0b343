"""The script that writes the files here needs real MXNet, and is no test."""

collect_ignore = ["write_goldens.py"]
