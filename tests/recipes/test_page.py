"""The page of all recipes: what stands in it, and what a browser makes of it."""

from __future__ import annotations

import re

import pytest

from browser import ask_page
from cli_runs import read_results
from prelunet import cli, recipes
from prelunet.recipes import raschka_mlp
from prelunet.recipes.page import Part, make_page

# Of the browser's complaints: how fast a drawing of plotly.js is without a graphics card.
SLOW = re.compile("GPU stall due to ReadPixels|willReadFrequently")

FACTS = """{
  headings: [...document.querySelectorAll("h1, h2, h3, h4")].map(h => [h.tagName, h.innerText]),
  tables: [...document.querySelectorAll("main table")].map(table => table.innerText),
  images: [...document.images].map(image => [image.alt, image.naturalWidth, image.clientWidth]),
  drawings: [...document.querySelectorAll("iframe")].map(frame => [
    frame.title,
    frame.contentDocument.querySelectorAll("canvas").length,
    frame.contentDocument.querySelectorAll(".legendtext").length,
  ]),
  links: [...document.links].map(link => [link.innerText, document.querySelector(link.hash).id]),
  widths: [document.documentElement.scrollWidth, innerWidth],
}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run two recipes of which the first gets no folder; return the exit code and theirs."""
    out = tmp_path_factory.mktemp("all")
    (out / "mnist_cnn").write_text("a file where the folder should be")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "NAMES", ("mnist_cnn", "raschka_mlp"))
        return cli.main(["reproduce", "all", "--quick", "--quiet", "--out", str(out)]), out


@pytest.fixture(scope="module")
def out(run):
    return run[1]


def test_one_recipe_that_fails_costs_no_other(run):
    code, out = run
    assert code == 2
    text = (out / "report.html").read_text(encoding="utf-8")
    assert read_results(out / "raschka_mlp")["test_accuracy"] > 0.8
    assert re.search('<p class="error">FileExistsError: .*mnist_cnn', text)
    assert re.search(r"2 of 2 experiments in \d:\d\d:\d\d", text)


def test_a_browser_shows_all_of_it(out, tmp_path):
    seen, console = ask_page(out / "report.html", tmp_path, FACTS)
    assert [line for line in console if not SLOW.search(line)] == []
    results = read_results(out / "raschka_mlp")

    titles = ["A small convolutional network on MNIST", "A perceptron with one hidden layer"]
    assert " ".join(tag for tag, _ in seen["headings"]) == "H1 H2 H3 H3 H2 H3 H3 H3"
    found = [text for tag, text in seen["headings"] if tag == "H2"]
    assert [text.startswith(title) for text, title in zip(found, titles, strict=True)]
    assert [target for _, target in seen["links"]] == ["mnist_cnn", "raschka_mlp"]

    (table,) = results["tables"]
    options = results["configuration"]
    shown = next(text for text in seen["tables"] if text.startswith(table["title"]))
    for row in table["rows"]:
        assert "\t".join(row) in shown
    assert len(seen["tables"]) == 5
    assert f"--seed\t{options['seed']}" in seen["tables"][3]
    assert f"processor\t{results['processor']}" in seen["tables"][4]

    drawings, images = results["figures"][:1], results["figures"][1:]
    assert seen["drawings"] == [[drawings[0]["title"], 1, 10]]
    assert [alt for alt, _, _ in seen["images"]] == [one["title"] for one in images]
    assert all(natural > shown > 100 for _, natural, shown in seen["images"])


def test_it_fits_a_narrow_window(out, tmp_path):
    results = read_results(out / "raschka_mlp")
    results["figures"] = results["figures"][1:]  # no drawing of plotly.js, which takes seconds
    results["tables"][0]["header"][1] = 100 * "wide"
    part = Part("raschka_mlp", raschka_mlp.__doc__, out / "raschka_mlp", results)
    path = tmp_path / "narrow.html"
    path.write_text(make_page([part], remark="One alone"), encoding="utf-8")
    seen, console = ask_page(path, tmp_path / "profile", FACTS, width=500)
    assert console == []
    assert seen["widths"] == [500, 500]
    assert all(200 < shown < 500 for _, _, shown in seen["images"])


DOCSTRING = """A title.

What is <b> & what ``is = 1``, in two
lines.

    y = x
      + 1

    z < 2

The end.
"""


def test_a_docstring_becomes_prose_and_equations(tmp_path, out):
    results = {**read_results(out / "raschka_mlp"), "figures": [], "test_accuracy": None}
    results["configuration"] = {"runs": ["a", "b"], "learning_rate": 1e-5, "data_dir": None}
    text = make_page([Part("one", DOCSTRING, tmp_path, results)], remark="")
    start = text.index("<h2>1. A title</h2>")
    assert "\n".join(text[start : text.index("<h3>")].splitlines()[2:]) == (
        "<p>What is &lt;b&gt; &amp; what <code>is = 1</code>, in two\nlines.</p>\n"
        "<pre>y = x\n  + 1</pre>\n<pre>z &lt; 2</pre>\n<p>The end.</p>"
    )
    assert '<th scope="row"><a href="#one">A title</a></th><td>-</td>' in text
    options = text[text.index("<caption>Options") : text.index("<caption>Time")]
    assert re.findall("<td>(.*?)</td>", options) == ["a, b", "1e-05", "not given"]
