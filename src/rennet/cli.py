"""The command ``rennet``."""

from __future__ import annotations

import json
import logging
import sys
from typing import Annotated, Any, Literal

import typer

from . import __version__
from ._inspection import inspect_file, to_text
from ._language_model.sampling import Writer
from ._language_model.settings import LARGEST_SEED, ModelSettings, TrainingSettings
from ._language_model.training import Interrupted, Training, resume, start
from .base import ArgumentError, MXNetError
from .context import Context, num_gpus

app = typer.Typer(
    name="rennet",
    help="MXNet's recurrent networks on PyTorch: train a language model, write text with it, look into files.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_MODEL = ModelSettings()
_TRAINING = TrainingSettings()
_LEARNING_RATES = {"adam": _TRAINING.lr, "sgd": 0.3}


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"rennet {__version__}")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _context(device: str) -> Context:
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "gpu") or (number and not number.isdecimal()):
        raise ArgumentError(f"--device: expected cpu, gpu or gpu:N, got {device!r}")
    if kind == "gpu" and int(number or 0) >= num_gpus():
        raise ArgumentError(f"--device: {device} was asked for, but torch sees {num_gpus()} GPUs here")
    return Context(kind, int(number or 0))


def _lengths(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        raise ArgumentError(f"--buckets: expected lengths such as 8,16,32; got {text!r}") from error


@app.command()
def train(
    ctx: typer.Context,
    text: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Text to learn, one sentence a line. [default: Python's standard library]"),
    ] = None,
    prefix: Annotated[str, typer.Option(metavar="PATH", help="Path and beginning of the names of all files.")] = "lm",
    resume_run: Annotated[
        bool, typer.Option("--resume", help="Go on with the run under this prefix, with its settings.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run under this prefix.")] = False,
    epochs: Annotated[int, typer.Option(min=1, metavar="N", help="Passes over the text, in all.")] = 2,
    cells: Annotated[Literal["lstm", "gru", "rnn_tanh", "rnn_relu"], typer.Option(help="Kind of cell.")] = "lstm",
    fused: Annotated[
        bool, typer.Option("--fused/--unfused", help="One fused operator, or cells unrolled step by step.")
    ] = _MODEL.fused,
    layers: Annotated[int, typer.Option(min=1, metavar="N", help="Layers.")] = _MODEL.layers,
    hidden: Annotated[int, typer.Option(min=1, metavar="N", help="Units of each layer.")] = _MODEL.hidden,
    embed: Annotated[int, typer.Option(min=1, metavar="N", help="Width of the embedding.")] = _MODEL.embed,
    dropout: Annotated[
        float, typer.Option(metavar="RATE", help="Dropout between layers, in [0, 1); none with one layer.")
    ] = _MODEL.dropout,
    bidirectional: Annotated[
        bool, typer.Option("--bidirectional", help="Refused: it would see the token that is to be predicted.")
    ] = False,
    optimizer: Annotated[Literal["adam", "sgd"], typer.Option(help="Optimizer; sgd has momentum 0.9.")] = "adam",
    lr: Annotated[
        float | None, typer.Option(metavar="RATE", help="Learning rate. [default: 0.003 for adam, 0.3 for sgd]")
    ] = None,
    lr_decay: Annotated[
        float, typer.Option(metavar="FACTOR", help="Factor on the learning rate after each epoch.")
    ] = _TRAINING.lr_decay,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", help="Sentences of a batch.")] = _TRAINING.batch_size,
    buckets: Annotated[str, typer.Option(metavar="N,N,...", help="Lengths that sentences are padded to.")] = ",".join(
        map(str, _TRAINING.buckets)
    ),
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Sentences to train on at most. [default: 30000, or all of --text]"),
    ] = None,
    min_count: Annotated[int, typer.Option(min=1, metavar="N", help="Rarer words become <unk>.")] = _TRAINING.min_count,
    max_vocabulary: Annotated[
        int, typer.Option(min=1, metavar="N", help="Words known at most; the others become <unk>.")
    ] = _TRAINING.max_vocabulary,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, metavar="N", help="Seed of weights, order and dropout.")
    ] = _TRAINING.seed,
    device: Annotated[str, typer.Option(metavar="DEVICE", help="cpu, gpu or gpu:N.")] = "cpu",
    lines: Annotated[int, typer.Option(min=0, metavar="N", help="Lines to write at the end.")] = 8,
) -> None:
    """Train a word-level language model on a text.

    Without options it learns Python from the source of the standard library, in about two minutes. Writes
    PREFIX-symbol.json, PREFIX-0001.params and so on (one for each epoch), PREFIX-vocab.json and PREFIX-curve.png.
    Ctrl-C finishes the batch and saves; --resume goes on from there.
    """
    if bidirectional:
        raise ArgumentError(
            "--bidirectional: a language model must not see the token it is to predict; its backward half would"
        )
    where = _context(device)
    model = {
        "cells": cells,
        "fused": fused,
        "layers": layers,
        "hidden": hidden,
        "embed": embed,
        "dropout": dropout,
    }
    training = {
        "text": text,
        "limit": limit if limit is not None or text is not None else _TRAINING.limit,
        "min_count": min_count,
        "max_vocabulary": max_vocabulary,
        "buckets": _lengths(buckets),
        "batch_size": batch_size,
        "optimizer": optimizer,
        "lr": _LEARNING_RATES[optimizer] if lr is None else lr,
        "lr_decay": lr_decay,
        "seed": seed,
    }
    terminal = sys.stderr.isatty()
    logging.basicConfig(level=logging.WARNING if terminal else logging.INFO, format="%(asctime)-15s %(message)s")
    if resume_run:
        given = {name for name in (*model, *training) if _on_command_line(ctx, name)}
        run = resume(_only(model, given), _only(training, given), prefix, where)
    else:
        run = start(ModelSettings(**model), TrainingSettings(**training), prefix, overwrite, where)
    _run(run, epochs, terminal, prefix, lines, where)


def _on_command_line(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _only(values: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}


def _report(epoch: int, heldout: float) -> None:
    typer.echo(f"epoch {epoch}: held-out perplexity {heldout:.1f}")


def _run(run: Training, epochs: int, terminal: bool, prefix: str, lines: int, where: Context) -> None:
    data = run.data
    typer.echo(
        f"{data.source}: {len(data.vocabulary)} words known; "
        f"held-out perplexity of single words (unigram): {data.unigram:.1f}"
    )
    try:
        outcome = run.run(epochs, terminal, _report)
    except Interrupted:
        typer.echo(f"interrupted; saved. Go on with: rennet train --prefix {prefix} --resume", err=True)
        raise typer.Exit(130) from None
    if outcome.heldout and not outcome.heldout[-1] < data.unigram:
        typer.echo("this is no better than single words: the learning rate is probably too high, try a lower --lr")
    typer.echo(
        f"wrote {prefix}-symbol.json, {prefix}-{outcome.epochs:04d}.params, {prefix}-vocab.json, {prefix}-curve.png"
    )
    if lines:
        typer.echo("\nsampled lines:")
        for line in Writer(prefix, lines=lines, context=where).write(temperature=0.8, seed=0):
            typer.echo(f"    {line}")


@app.command()
def sample(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="Prefix of the model's files.")],
    epoch: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Checkpoint to use. [default: the last]")
    ] = None,
    prime: Annotated[str, typer.Option(metavar="TEXT", help="How every line begins.")] = "",
    temperature: Annotated[
        float, typer.Option(metavar="T", help="Below 1 is safer, above wilder; 0 takes the likeliest.")
    ] = 0.8,
    lines: Annotated[int, typer.Option(min=1, metavar="N", help="Lines to write.")] = 10,
    longest: Annotated[int, typer.Option(min=1, metavar="N", help="Tokens of a line at most.")] = 60,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=LARGEST_SEED, metavar="N", help="Seed of the choice. [default: another each time]"),
    ] = None,
    device: Annotated[str, typer.Option(metavar="DEVICE", help="cpu, gpu or gpu:N.")] = "cpu",
) -> None:
    """Write text with a model that `rennet train` made."""
    writer = Writer(prefix, epoch, lines, _context(device))
    for line in writer.write(prime, temperature, longest, seed):
        typer.echo(line)


def _shapes(given: list[str]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for each in given:
        name, equals, sizes = each.partition("=")
        parts = [part for part in sizes.split(",") if part]
        if not name or not equals or not parts or not all(part.strip().isdecimal() for part in parts):
            raise ArgumentError(f"--shape: expected a name and sizes, such as data=32,10; got {each!r}")
        shapes[name] = tuple(map(int, parts))
    return shapes


@app.command()
def inspect(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files of arrays, graphs or states.")],
    shape: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=N,N", help="Shape of a graph's input, to see what would be fused; repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list for machines, one object for each file.")] = False,
) -> None:
    """Say what is in files: .params, -symbol.json, .states, a checkpoint of `rennet train`, .npz, safetensors.

    Kinds are told apart by content. Nothing in a file is run. A file that cannot be read is one line on standard error
    (with --json, an object with "error"), and the exit code is 2; the others are shown all the same.
    """
    shapes = _shapes(shape or [])
    found: list[dict[str, Any]] = []
    failed = False
    for file in files:
        try:
            found.append(inspect_file(file, shapes))
        except (MXNetError, OSError) as error:
            failed = True
            message = " ".join(str(error).split())
            found.append({"file": file, "error": message})
            if not as_json:
                typer.echo(f"rennet: {message}", err=True)
            continue
        if not as_json:
            typer.echo(to_text(found[-1]))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
    if failed:
        raise typer.Exit(2)


_UsageError: Any = typer.BadParameter.__bases__[0]
"""What typer raises for a mistake on the command line; it has no public name for it."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command; a user's mistake is one line on standard error and exit code 2."""
    command = typer.main.get_command(app)
    try:
        sys.exit(command.main(args=arguments, prog_name="rennet", standalone_mode=False) or 0)
    except _UsageError as error:
        message, code = error.format_message(), error.exit_code
    except (MXNetError, OSError) as error:
        message, code = str(error), 2
    except (KeyboardInterrupt, typer.Abort):
        message, code = "interrupted", 130
    if message:
        print(f"rennet: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
