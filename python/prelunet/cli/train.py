"""``prelunet train``: train a classifier, test it and save it."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import prelunet as pn
from prelunet import _options as options
from prelunet import callbacks, data
from prelunet._extras import require
from prelunet.cli import network, results, rows, train_options
from prelunet.cli.metadata import Metadata
from prelunet.cli.rows import Rows
from prelunet.history import History
from prelunet.tables import is_table_file

TABLE_HINT = "--target COLUMN trains on tables with text, dates, missing cells and any target"
ABORTED = 2  # the exit code of a job that an exception on one rank ends
VALIDATION_SPLIT = 0.1  # used if --patience needs validation rows and no share was given


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "train",
        help="train and test a network; write results, model and figures",
        description="Train a PReLU classifier, test it on held-out rows, and write "
        "results.json, model.npz and figures. The default data are the included handwritten "
        "digits. With --target, train a network for the table of a CSV or Parquet file.",
        formatter_class=options.HelpFormatter,
    )
    train_options.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Load, train, test and write, and print the results; with --mpi on all ranks."""
    if not arguments.mpi:
        _run(arguments)
        return
    comm = require("mpi4py.MPI", extra="mpi", purpose="train --mpi").COMM_WORLD
    arguments.quiet = arguments.quiet or comm.rank > 0
    try:
        _run(arguments, comm, comm.rank)
    except BaseException as error:  # the other ranks may wait for this one
        text = f"prelunet: rank {comm.rank}: {type(error).__name__}: {error}"
        print(text, file=sys.stderr, flush=True)
        comm.Abort(ABORTED)


def _run(arguments: argparse.Namespace, comm: object = None, rank: int = 0) -> None:
    if arguments.threads is not None:
        pn.set_num_threads(arguments.threads)
    options.choose_data(arguments, default=train_options.DATA)
    if arguments.target is not None:
        for package in ("pandas", "sklearn"):
            require(package, extra="tables", purpose="train --target")
        # Imported here: it imports the estimators and scikit-learn.
        from prelunet.cli import train_table

        train_table.run(arguments)
        return
    train_options.check_without_table(arguments)
    try:
        dataset = options.load_data(arguments)
        classes = rows.number_of_classes(dataset)
    except ValueError as error:
        if is_table_file(arguments.data):
            raise ValueError(f"{error}; {TABLE_HINT}") from error
        raise
    dataset, held_out = rows.hold_out(dataset)
    test = rows.test_rows(dataset)
    train, validation = _divide(arguments, dataset, test)
    model = network.build(arguments, dataset, classes=classes, rows=len(train.x))
    metadata = Metadata(
        data=dataset.name,
        held_out=held_out,
        image_shape=dataset.image_shape,
        pixel_max=network.pixel_max(dataset),
        class_names=dataset.class_names,
    )
    if rank > 0:  # rank 0 writes and prints
        _fit(arguments, model, train, validation, comm)
        return
    folder, model_files = results.destinations(
        arguments.out, arguments.save, Path(dataset.name).stem
    )
    if not arguments.quiet:
        counts = f"{len(train.x):,} rows to train on, {len(test.x):,} to test"
        print(f"data       {dataset.name}: {counts}")
        # Flushed, because the progress bar writes to stderr.
        print(f"network    {network.describe(arguments, dataset, classes=classes)}", flush=True)

    began = time.perf_counter()
    history = _fit(arguments, model, train, validation, comm)
    seconds = time.perf_counter() - began
    scores = model.evaluate(test.x, test.y)
    environment = results.environment()

    for file in model_files:
        model.save(file, metadata=metadata.to_json())
    written = model_files
    if folder is not None:
        summary = {
            "test_accuracy": scores["accuracy"],
            "test_loss": scores["loss"],
            "fingerprint": model.fingerprint(),
            "seconds": seconds,
            "epochs": len(history["loss"]),
            "history": dict(history),
            "data": {
                "name": dataset.name,
                "credit": dataset.credit,
                "train_rows": len(train.x),
                "validation_rows": len(validation.x),
                "validated_on": validation.what,
                "test_rows": len(test.x),
            },
            "configuration": _configuration(arguments),
            **environment,
        }
        figures, missing = results.write_figures(
            folder,
            history=history,
            y_true=test.y,
            y_pred=model.predict(test.x).argmax(axis=1),
            class_names=[metadata.class_name(label) for label in range(classes)],
            model=model,
            alpha_init=arguments.alpha_init,
        )
        if not arguments.quiet:
            results.note(missing)
        written = [*model_files, results.write(folder, summary), *figures]
    print(f"test       accuracy {scores['accuracy']:.4f}, loss {scores['loss']:.4f}")
    print(
        f"time       {seconds:.2f} seconds for {len(history['loss'])} epochs "
        f"({environment['isa']}, threads: {environment['threads']})"
    )
    print(f"model      fingerprint {model.fingerprint()}")
    if written:
        print("wrote      " + "\n           ".join(map(str, written)))


def _divide(arguments: argparse.Namespace, dataset: data.Dataset, test: Rows) -> tuple[Rows, Rows]:
    """Return the training rows and the validation rows.

    Early stopping selects an epoch by the validation rows. If these were also the test rows, the
    test result would be biased.
    """
    share = arguments.validation_split
    if share is None and arguments.patience is not None:
        share = VALIDATION_SPLIT
    if share is None:
        return Rows(dataset.x_train, dataset.y_train, "training rows"), test
    x_train, x_validation, y_train, y_validation = data.split(
        dataset.x_train, dataset.y_train, test_size=share, seed=rows.SPLIT_SEED
    )
    return (
        Rows(x_train, y_train, "training rows"),
        Rows(x_validation, y_validation, "rows held out of the training rows"),
    )


def _fit(
    arguments: argparse.Namespace,
    model: pn.Sequential,
    train: Rows,
    validation: Rows,
    comm: object,
) -> History:
    """Train; raise an error if the loss became NaN or infinite, so that scripts notice."""
    watchers: list[callbacks.Callback] = []
    if arguments.patience is not None:
        watchers.append(
            callbacks.EarlyStopping(patience=arguments.patience, restore_best_weights=True)
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "fit: .*the loss is", RuntimeWarning)
        try:
            return model.fit(
                train.x,
                train.y,
                epochs=arguments.epochs,
                batch_size=arguments.batch_size,
                validation_data=(validation.x, validation.y),
                verbose=not arguments.quiet,
                callbacks=watchers,
                comm=comm,
            )
        except RuntimeWarning as warning:
            raise ValueError(
                f"train: {warning} (--learning-rate is {arguments.learning_rate:g})"
            ) from warning


def _configuration(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the effective options, sufficient to repeat the run."""
    left_out = {"run", *train_options.OF_TABLES}
    values = {name: value for name, value in vars(arguments).items() if name not in left_out}
    values["batch_size"] = arguments.batch_size or "full"
    if arguments.activation is not None:
        values["prelu"] = values["alpha_init"] = None
    return values
