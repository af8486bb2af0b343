import io

import pytest

from rennet._language_model.python_lines import logical_lines, one_line
from rennet.base import ArgumentError


def only_line(source):
    (line,) = logical_lines(io.StringIO(source).readline)
    return line


@pytest.mark.parametrize(
    ("spelling", "token"),
    [
        ("'a'", "'a'"),
        ('"a"', "'a'"),
        ("'''a'''", "'a'"),
        ("u'a'", "'a'"),
        ('"it\'s"', '"it\'s"'),
        (r"'it\'s'", r"'it\'s'"),
        ('"""a\'b"c"""', '"""a\'b"c"""'),
        ('"\\""', "'\\\"'"),
        ("B'a'", "b'a'"),
        ("r'a'", "'a'"),
        (r"R'\d'", r"r'\d'"),
        (r"Rb'\d'", r"br'\d'"),
        ("'0123456789'", "'0123456789'"),
        ("'0123456789a'", "'...'"),
        ("b'0123456789a'", "b'...'"),
        ("'''a\nb'''", "'...'"),
        ("'a\\\nb'", "'...'"),
        ("'a' 'b'", "'...'"),
        ("b'a' b'b' b'c'", "b'...'"),
        ("('a'\n 'b')", "('...')"),
        ("f'{a}'", "f'...'"),
        ("rF'{a!r:>{w}}'", "f'...'"),
        ("f'{a}' 'b'", "f'...'"),
        ("'a' f'{b}' f'{c}'", "f'...'"),
        ("f\"{f'{a}'}\" + b", "f'...'+b"),
        ("f'''{\na\n}'''", "f'...'"),
        ("f''", "f'...'"),
        ("123456", "123456"),
        ("1234567", "999999"),
        ("0xABCDE", "0xffff"),
        ("0B101010101", "0b1111"),
        ("0o1234567", "0o7777"),
        ("3.14159265", "9.9999"),
        ("1e-123456", "9.9999"),
        ("1.0000000J", "9.9999j"),
    ],
)
def test_short_tokens(spelling, token):
    assert "".join(only_line(f"x = {spelling}\n")[2:]) == token


@pytest.mark.parametrize("docstring", ["'a'", '"""a\nb"""', "'a' 'b'", "f'{a}'"])
def test_lines_of_strings_alone_are_left_out(docstring):
    source = f"def f():\n    {docstring}\n    return 1\n"
    assert list(logical_lines(io.StringIO(source).readline)) == [list_of("def f ( ) :"), ["return", "1"]]


def list_of(text):
    return text.split()


def test_lines():
    source = "\n# a\nif x: y; z  # b\n\n\tu = (\n # c\n1)\nv \\\n = 2"
    lines = list(logical_lines(io.StringIO(source).readline))
    assert lines == [list_of("if x : y ; z"), list_of("u = ( 1 )"), list_of("v = 2")]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("  \n", []),
        ("def f(", ["def", "f", "("]),
        ("x = {1: [f(", ["x", "=", "{", "1", ":", "[", "f", "("]),
        ("x = (1 # one", ["x", "=", "(", "1"]),
        ("    return a", ["return", "a"]),
        ("'a'", ["'a'"]),
        ("print('a' ", ["print", "(", "'a'"]),
        ("f(a)[", ["f", "(", "a", ")", "["]),
        ("else:", ["else", ":"]),
    ],
)
def test_one_line(text, tokens):
    assert one_line(text) == tokens


@pytest.mark.parametrize("text", ["x = $", "x = 'abc", "x = '''abc", "f($", "f('''"])
def test_one_line_of_no_python(text):
    with pytest.raises(ArgumentError, match="expected a line of Python"):
        one_line(text)


def test_one_line_that_is_two():
    with pytest.raises(ArgumentError, match="expected one line of Python; got 2"):
        one_line("a\nb")
