"""The files' room: bytes <-> numpy, JSON <-> node records. Imports numpy, `..base` and `.._dtypes`, nothing above.

It knows neither NDArray nor Symbol. `params_file` reads and writes ``.params``, `numpy_file` and `safetensors_file`
other libraries' containers, and `containers` tells these apart; `symbol_json` reads and writes ``-symbol.json``;
`upgrade` brings the graph of an old file to what 1.9.1 would have written; `pickled` follows a pickle without running
it; `atomic` puts bytes on disk so that a crash leaves the old or the new file whole, and `checksum` verifies them;
`names` and `paths` refuse what may be neither before anything is written.
Nothing that is read is trusted: every count is compared with the bytes that are left before memory is asked for, and
every objection is a `FormatError`.
"""
