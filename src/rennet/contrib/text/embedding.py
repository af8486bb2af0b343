"""Embeddings: vectors of tokens from published files, from one's own, and several side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ..._local_files import data_dir, expected_file
from ...base import ArgumentError, one_of
from ...ndarray import NDArray, zeros
from ...registry import get_create_func, get_register_func, get_registry
from .pretrained_files import FAST_TEXT, GLOVE
from .token_embedding import TokenEmbedding, check_vocabulary
from .vocab import Vocabulary

__all__ = [
    "CompositeEmbedding",
    "CustomEmbedding",
    "FastText",
    "GloVe",
    "TokenEmbedding",
    "create",
    "get_pretrained_file_names",
    "register",
]

_TokenEmbedding = TokenEmbedding  # as MXNet calls it

register = get_register_func(TokenEmbedding, "token embedding")
_create = get_create_func(TokenEmbedding, "token embedding")


def create(embedding_name: str, **kwargs: Any) -> TokenEmbedding:
    """An embedding by the name of its class, in any case of letters; keywords go to its constructor.

    Raises
    ------
    ArgumentError
        No class of that name is registered.
    """
    return _create(embedding_name, **kwargs)


def get_pretrained_file_names(embedding_name: str | None = None) -> Any:
    """Names of the published files that embeddings can read.

    Returns
    -------
    list of str, or dict
        Those of one embedding; without a name, such a list for each registered one.

    Examples
    --------
    >>> get_pretrained_file_names("glove")[:2]
    ['glove.42B.300d.txt', 'glove.6B.50d.txt']
    """
    names = {name: _file_names(klass) for name, klass in get_registry(TokenEmbedding).items()}
    return names if embedding_name is None else names[one_of("embedding_name", embedding_name.lower(), names)]


def _file_names(klass: Any) -> list[str]:
    # MXNet's users say it in a table with the files' digests
    return list(klass.pretrained_file_names or getattr(klass, "pretrained_file_name_sha1", ()))


class _Published(TokenEmbedding):
    """Vectors from a published file; see `GloVe`."""

    _source: str

    def __init__(
        self,
        pretrained_file_name: str,
        embedding_root: str | None = None,
        init_unknown_vec: Callable[..., Any] = zeros,
        vocabulary: Vocabulary | None = None,
        **kwargs: Any,
    ) -> None:
        one_of("pretrained_file_name", pretrained_file_name, self.pretrained_file_names)
        super().__init__(**kwargs)
        root = data_dir() / "embeddings" if embedding_root is None else Path(embedding_root).expanduser()
        path = expected_file(root / type(self).__name__.lower() / pretrained_file_name, f"a file of {self._source}")
        self._load_embedding(path, " ", init_unknown_vec)
        self._build_embedding_for_vocabulary(vocabulary)


@register
class GloVe(_Published):
    """GloVe's vectors, from one of its files, which must have been put in its place.

    Parameters
    ----------
    pretrained_file_name : str
        One of `get_pretrained_file_names`.
    embedding_root : str, optional
        The folder in which the file stands under the name of the class in lower case; by default ``embeddings`` in
        ``$MXNET_HOME`` or ``~/.mxnet``. Nothing is downloaded.
    init_unknown_vec : callable
        Called with a `shape`; gives the vector of the unknown token if the file has none.
    vocabulary : Vocabulary, optional
        The tokens wanted; by default all that the file has.
    **kwargs
        `Vocabulary`'s: tokens that have a number before those of the file.

    Raises
    ------
    ArgumentError
        There is no file of that name.
    NotSupportedError
        It is not in its place. Names the place.
    """

    pretrained_file_names = GLOVE
    _source = "https://nlp.stanford.edu/projects/glove"

    def __init__(self, pretrained_file_name: str = "glove.840B.300d.txt", *args: Any, **kwargs: Any) -> None:
        super().__init__(pretrained_file_name, *args, **kwargs)


@register
class FastText(_Published):
    """fastText's vectors, from one of its files. Parameters and errors are those of `GloVe`."""

    pretrained_file_names = FAST_TEXT
    _source = "https://fasttext.cc"

    def __init__(self, pretrained_file_name: str = "wiki.simple.vec", *args: Any, **kwargs: Any) -> None:
        super().__init__(pretrained_file_name, *args, **kwargs)


class CustomEmbedding(TokenEmbedding):
    r"""Vectors from a file of one's own: on each line a token and the numbers of its vector.

    Parameters
    ----------
    pretrained_file_path : str
        The file.
    elem_delim : str
        What stands between the token and the numbers.
    encoding : str
        Of the text.
    init_unknown_vec : callable
        Called with a `shape`; gives the vector of the unknown token, or of a reserved one, if the file has none.
    vocabulary : Vocabulary, optional
        The tokens wanted; by default all that the file has.
    **kwargs
        `Vocabulary`'s: tokens that have a number before those of the file.

    Raises
    ------
    ArgumentError
        There is no such file.
    FormatError
        A line is not what it should be.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("hello 1 2 3\nworld 4 5 6\n")
    ...     file.flush()
    ...     words = CustomEmbedding(file.name)
    >>> words.idx_to_token
    ['<unk>', 'hello', 'world']
    >>> words.get_vecs_by_tokens(["world", "moon"]).asnumpy().tolist()
    [[4.0, 5.0, 6.0], [0.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        pretrained_file_path: str | Path,
        elem_delim: str = " ",
        encoding: str = "utf8",
        init_unknown_vec: Callable[..., Any] = zeros,
        vocabulary: Vocabulary | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._load_embedding(pretrained_file_path, elem_delim, init_unknown_vec, encoding)
        self._build_embedding_for_vocabulary(vocabulary)


class CompositeEmbedding(TokenEmbedding):
    """For each token of a vocabulary its vectors from one or several embeddings, end to end.

    Parameters
    ----------
    vocabulary : Vocabulary
        The tokens.
    token_embeddings : TokenEmbedding or list of them
        Where the vectors come from.

    Raises
    ------
    ArgumentError
        The arguments are of other types, or the list is empty.
    """

    def __init__(self, vocabulary: Vocabulary, token_embeddings: TokenEmbedding | Sequence[TokenEmbedding]) -> None:
        check_vocabulary("CompositeEmbedding", vocabulary)
        parts: list[Any] = list(token_embeddings) if isinstance(token_embeddings, list | tuple) else [token_embeddings]
        if not parts or not all(isinstance(part, TokenEmbedding) for part in parts):
            raise ArgumentError(
                f"CompositeEmbedding: token_embeddings: expected one or more TokenEmbeddings, got {token_embeddings!r}"
            )
        super().__init__()
        self._index_tokens_from_vocabulary(vocabulary)
        self._idx_to_vec = NDArray(torch.cat([part.vectors_for(vocabulary) for part in parts], dim=1))
