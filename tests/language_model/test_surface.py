import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rennet._language_model.corpus import standard_library
from rennet._language_model.surface import to_text, to_tokens

LINES = [
    "def f(self, x=1):",
    "def f(self, x: int = 1, *args: str, y=-2, **kwargs) -> dict[str, int]:",
    "def f(a, /, b, *, c=lambda x=1: x, d: Callable = lambda: None):",
    "def f[T: int](x: T) -> T: ...",
    "class A(B, metaclass=C):",
    "async def f(): await g()",
    "return a[i].b(c)",
    "return (a, b), [c], {d}",
    "x = -y",
    "x = a - b * -c ** +d // ~e",
    "x[1:2, ::-1, a + 1:] += 1",
    "x = {a: b, **c, 'k': [-1]}",
    "x = y[lambda z: z]",
    "print(*args, **kwargs)",
    "a, *b = *c, d",
    "@property",
    "@a.b(c)",
    "x = a @ b",
    "if (n := len(a)) > 10 and not (b or c):",
    "if a: b = 1; c = 2",
    "for i in range(10):",
    "while not x.y[0](1)(2)[3]:",
    "lambda: (yield)",
    "f(lambda *a, k=1: a, key=lambda x: (x, -x))",
    "from . import a",
    "from .a.b import (c as d, e)",
    "from ... import a",
    "from ....a import *",
    "import a.b as c, d",
    "raise A('...') from None",
    "except (A, B) as e:",
    "except* A:",
    "assert x == -1, f'...'",
    "x: int = 3",
    "x = 1 .real + 1.5.imag + 0x1f.real",
    "x = 1 if y else 2",
    "x = (1,)",
    "x = b'...' + None + True",
    "y = 'a'.join(b) % ('c',)",
    "case [A(b=1), -1, *_] | {'k': v}:",
    "match (a, b):",
    "match = case(1)",
    "else:",
    "del a[-1], b",
    "x = a[...] if b is ... else c",
    "global a, b",
    "x = [a for a in b if a != c]",
    "with open(a) as f, g(b):",
    "else if <unk>(<unk>, <unk>=1).<unk>",
]


@pytest.mark.parametrize("line", LINES)
def test_spacing(line):
    if "<unk>" in line:
        tokens = [t if t != "UNK" else "<unk>" for t in to_tokens(line.replace("<unk>", "UNK"), "python")]
    else:
        tokens = to_tokens(line, "python")
    assert to_text(tokens, "python") == line


def test_real_lines_come_back():
    corpus = standard_library(8000)
    different = [
        (text, tokens)
        for tokens in corpus.train + corpus.heldout
        if to_tokens(text := to_text(tokens, "python"), "python") != tokens
    ]
    assert different == []


VARIED = (
    "a b1 if not lambda from import match case yield except None 1 0x1f 2.5 1e5 'a' b'...' "
    ", : ; . ... = == := -> + - * ** / // @ ~ < << > >= |= & ^ %"
)
_TOKENS = st.sampled_from(VARIED.split())
# Brackets in pairs, or the line has no end.
_NONSENSE = st.recursive(
    st.lists(_TOKENS, max_size=8),
    lambda inner: st.tuples(
        st.sampled_from(["()", "[]", "{}"]), inner, st.lists(_TOKENS, max_size=4), st.lists(_TOKENS, max_size=4)
    ).map(lambda made: [*made[2], made[0][0], *made[1], made[0][1], *made[3]]),
    max_leaves=4,
)


@given(_NONSENSE)
def test_nonsense_comes_back(tokens):
    strings = [a[-1] == "'" and b[-1] == "'" for a, b in itertools.pairwise(tokens)]
    if not any(strings):  # strings in a row become one
        assert to_tokens(to_text(tokens, "python"), "python") == tokens


@given(st.lists(_TOKENS | st.sampled_from(["(", ")", "[", "]", "{", "}", "<unk>", "\n", "<eos>"])))
def test_whatever_a_model_says_is_written(tokens):
    assert to_text(tokens, "python").replace(" ", "") == "".join(tokens)


def test_plain_text():
    assert to_text(["a", ",", "b"], "plain") == "a , b"
    assert to_tokens(" a , b\n", "plain") == ["a", ",", "b"]
    assert to_text([], "plain") == to_text([], "python") == ""
