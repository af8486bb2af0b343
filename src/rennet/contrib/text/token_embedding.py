"""TokenEmbedding: a vocabulary with a vector for each token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch

from ...base import ArgumentError, ShapeError
from ...ndarray import NDArray
from .vectors_file import read_vectors
from .vocab import UNKNOWN, Vocabulary


class TokenEmbedding(Vocabulary):
    """A vocabulary with a vector for each token. Subclasses say where the vectors come from.

    Parameters
    ----------
    **kwargs
        `Vocabulary`'s: tokens that have a number before those of the vectors.
    """

    pretrained_file_names: ClassVar[Sequence[str]] = ()
    """Names of published files that a subclass can read."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._idx_to_vec: NDArray | None = None

    def _load_embedding(
        self,
        pretrained_file_path: str | Path,
        elem_delim: str,
        init_unknown_vec: Callable[..., Any],
        encoding: str = "utf8",
    ) -> None:
        """Take tokens and vectors from a file; tokens that it lacks get what `init_unknown_vec` gives for a shape."""
        path = Path(pretrained_file_path).expanduser()
        if not path.is_file():
            raise ArgumentError(f"pretrained_file_path: expected a file of vectors, got {path}, which is no file")
        logging.info("reading vectors of tokens from %s", path)
        tokens, vectors = read_vectors(path, elem_delim, encoding)
        for token in tokens:
            if token not in self._token_to_idx:
                self._token_to_idx[token] = len(self._idx_to_token)
                self._idx_to_token.append(token)
        size = vectors.shape[1]
        whole = torch.empty(len(self), size)
        rows = [self._token_to_idx[token] for token in tokens]
        whole[rows] = torch.from_numpy(vectors)
        for row in sorted(set(range(len(self))) - set(rows)):
            whole[row] = torch.as_tensor(_plain(init_unknown_vec(shape=size)))
        self._idx_to_vec = NDArray(whole)

    def _index_tokens_from_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Take over the tokens of a vocabulary and their numbers."""
        self._token_to_idx = dict(vocabulary.token_to_idx)
        self._idx_to_token = list(vocabulary.idx_to_token)
        self._unknown_token = vocabulary.unknown_token
        self._reserved_tokens = None if vocabulary.reserved_tokens is None else list(vocabulary.reserved_tokens)

    def _build_embedding_for_vocabulary(self, vocabulary: Vocabulary | None) -> None:
        """Keep the tokens of a vocabulary only, if one is given."""
        if vocabulary is None:
            return
        check_vocabulary(type(self).__name__, vocabulary)
        self._idx_to_vec = NDArray(self.vectors_for(vocabulary))
        self._index_tokens_from_vocabulary(vocabulary)

    def vectors_for(self, vocabulary: Vocabulary) -> torch.Tensor:
        """This embedding's vectors of another vocabulary's tokens, ``(len(vocabulary), vec_len)``."""
        rows = [UNKNOWN, *(self._token_to_idx.get(token, UNKNOWN) for token in vocabulary.idx_to_token[1:])]
        return self.idx_to_vec.tensor.detach()[rows]

    @property
    def vec_len(self) -> int:
        """The length of a vector."""
        return self.idx_to_vec.shape[1]

    @property
    def idx_to_vec(self) -> NDArray:
        """The vectors in the order of the tokens' numbers, ``(len(self), vec_len)``."""
        if self._idx_to_vec is None:
            raise ArgumentError(f"{type(self).__name__}: expected vectors, got none: nothing has been loaded")
        return self._idx_to_vec

    def get_vecs_by_tokens(self, tokens: Any, lower_case_backup: bool = False) -> NDArray:
        """Vectors of tokens; for those without one, that of the unknown token.

        Parameters
        ----------
        tokens : str or list of str
            One token, or several.
        lower_case_backup : bool
            Whether a token that has no vector is looked up in lower case too.

        Returns
        -------
        NDArray
            ``(vec_len,)`` for one token, ``(len(tokens), vec_len)`` for a list.
        """
        if not isinstance(tokens, list):
            return self.get_vecs_by_tokens([tokens], lower_case_backup)[0]
        found = [self._token_to_idx.get(token) for token in tokens]
        if lower_case_backup:
            pairs = zip(tokens, found, strict=True)
            found = [self._token_to_idx.get(token.lower()) if row is None else row for token, row in pairs]
        rows = torch.tensor([UNKNOWN if row is None else row for row in found], dtype=torch.long)
        return NDArray(self.idx_to_vec.tensor.detach()[rows])

    def update_token_vectors(self, tokens: Any, new_vectors: NDArray) -> None:
        """Give tokens other vectors.

        Parameters
        ----------
        tokens : str or list of str
            One token, or several. The unknown token's vector changes only if it is named itself.
        new_vectors : NDArray
            ``(len(tokens), vec_len)``, or ``(vec_len,)`` for one token.

        Raises
        ------
        ArgumentError
            A token has no vector.
        ShapeError
            The vectors have another shape.
        """
        tokens = tokens if isinstance(tokens, list) else [tokens]
        if not isinstance(new_vectors, NDArray):
            raise ArgumentError(f"update_token_vectors: new_vectors: expected an NDArray, got {new_vectors!r}")
        strangers = [token for token in tokens if token not in self._token_to_idx]
        if strangers:
            raise ArgumentError(
                f"update_token_vectors: tokens: expected known ones, got {strangers}; "
                f"to change the vector of all unknown tokens, name {self.unknown_token!r}"
            )
        wanted = (len(tokens), self.vec_len)
        if new_vectors.shape != wanted and (len(tokens) > 1 or new_vectors.shape != wanted[1:]):
            raise ShapeError(f"update_token_vectors: new_vectors: expected shape {wanted}, got {new_vectors.shape}")
        self.idx_to_vec[[self._token_to_idx[token] for token in tokens]] = new_vectors.reshape(wanted)


def _plain(vector: Any) -> Any:
    return vector.tensor.detach() if isinstance(vector, NDArray) else vector


def check_vocabulary(owner: str, vocabulary: Any) -> None:
    """An error that names `owner` unless it was given a vocabulary."""
    if not isinstance(vocabulary, Vocabulary):
        kind = type(vocabulary).__name__
        raise ArgumentError(f"{owner}: vocabulary: expected a contrib.text.vocab.Vocabulary, got {kind}")
