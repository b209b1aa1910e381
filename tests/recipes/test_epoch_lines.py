"""Lines of epochs: on stdout, over a bar where there is a terminal."""

from __future__ import annotations

import io
import sys

import prelunet as pn
from prelunet.recipes.epoch_lines import epoch_lines, print_over_bar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def show(monkeypatch, *, terminal=True, quiet=False):
    """Say two lines; return what a terminal got on stderr."""
    stream = Terminal()
    if terminal:
        monkeypatch.setattr(sys, "stderr", stream)  # not by a fixture: pytest sets it after those
    with epoch_lines(2, quiet=quiet) as say:
        say("epoch one")
        say("epoch two")
    return stream.getvalue()


def test_lines_alone_where_there_is_no_terminal(monkeypatch, capsys):
    show(monkeypatch, terminal=False)
    assert capsys.readouterr() == ("epoch one\nepoch two\n", "")


def test_a_bar_counts_the_epochs_on_a_terminal(monkeypatch, capsys):
    bar = show(monkeypatch)
    assert capsys.readouterr().out == "epoch one\nepoch two\n"
    assert [count for count in ("0/2", "1/2", "2/2") if count in bar] == ["0/2", "1/2", "2/2"]
    assert bar.endswith("\r")  # it is wiped out


def test_the_bar_says_what_it_counts(monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    with epoch_lines(2, quiet=False, unit="line") as say:
        say("one")
    assert "line/s" in stream.getvalue()


def test_lines_alone_without_tqdm(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert show(monkeypatch) == ""
    assert capsys.readouterr().out == "epoch one\nepoch two\n"


def test_nothing_where_quiet(monkeypatch, capsys):
    assert show(monkeypatch, quiet=True) == ""
    assert capsys.readouterr().out == ""


def test_other_lines_go_over_the_bar_of_fit(monkeypatch, capsys):
    """The bar is wiped out before a line and drawn again after it."""
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    seen = []

    def say(epoch, logs):
        before = len(stream.getvalue())
        print_over_bar(f"line {epoch}")
        seen.append(stream.getvalue()[before:])

    model = pn.Sequential([pn.Dense(2)], seed=0)
    model.compile()
    watch = pn.LambdaCallback(on_epoch_end=say)
    model.fit([[1.0], [2.0]], [0, 1], epochs=2, verbose=True, callbacks=[watch])
    assert capsys.readouterr().out == "line 0\nline 1\n"
    for drawn in seen:
        assert drawn.lstrip("\r").startswith(" ")  # blanks over what stood there
        assert "/2 |" in drawn


def test_other_lines_alone_where_there_is_no_terminal(capsys):
    print_over_bar("line")
    assert capsys.readouterr() == ("line\n", "")
