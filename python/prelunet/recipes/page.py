"""A self-contained page with the output of all recipes, for screen and print."""

from __future__ import annotations

import base64
import re
import struct
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from prelunet.plots import style

CSS_PIXELS_PER_INCH = 96

MACHINE = {
    "processor": "processor",
    "threads": "threads",
    "instruction set": "isa",
    "system": "platform",
    "compiler": "compiler",
}
"""Labels of the entries of ``results.json``, and their keys."""

# The policy makes the browser enforce that the page loads no other resource.
PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src data: blob: 'unsafe-inline'">
<title>prelunet: experiments reproduced</title>
<style>
body { max-width: 50rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; color: #1a1a1a;
  background: #fff; font: 1.0625rem/1.55 Charter, Cambria, Georgia, "DejaVu Serif", serif; }
h1, h2, h3 { line-height: 1.25; font-weight: 600; }
h1 { font-size: 1.9rem; margin-bottom: 0.3rem; }
h2 { font-size: 1.45rem; margin-top: 0; }
h3 { font-size: 1.1rem; margin: 2rem 0 0.6rem; }
a { color: #0057a3; }
code, pre { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 0.85em; }
pre { margin: 1rem 0; padding: 0.6rem 1rem; overflow-x: auto; background: #f5f5f5; }
section { margin-top: 3.5rem; padding-top: 2rem; border-top: 1px solid #bbb; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums lining-nums; }
caption { padding-bottom: 0.4rem; text-align: left; font-weight: 600; }
th, td { padding: 0.28rem 0 0.28rem 1.4rem; text-align: right; vertical-align: baseline; }
tr > :first-child { padding-left: 0; text-align: left; }
thead tr > * { border-bottom: 1.5px solid #1a1a1a; vertical-align: bottom; }
tbody th { font-weight: 400; }
tbody tr + tr > * { border-top: 1px solid #ddd; }
.wide { margin: 1rem 0; overflow-x: auto; }
.remark, figcaption { margin: 0.4rem 0 0; font-size: 0.9em; color: #444; }
.error { padding: 0.6rem 1rem; border-left: 4px solid #b00020; background: #fdf1f2; }
.pair { display: flex; flex-wrap: wrap; gap: 0 3.5rem; font-size: 0.85em; }
.pair td { text-align: left; }
figure { margin: 1.6rem 0 2.2rem; }
img { display: block; max-width: 100%; height: auto; }
iframe { display: block; width: 100%; height: 36rem; box-sizing: border-box;
  border: 1px solid #ddd; }
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  section { break-before: page; margin: 0; padding: 0; border: 0; }
  h2, h3, caption { break-after: avoid; }
  figure, tr, pre, .pair { break-inside: avoid; }
  .wide, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  iframe { display: none; }
  iframe + figcaption::after { content: " (in a browser alone: it turns)"; }
}
</style>
</head>
<body>
<header>
<h1>Experiments of lecture notes and assignments</h1>
<p class="remark">$remark</p>
</header>
<nav aria-label="Contents">
<div class="wide"><table>
<thead><tr><th scope="col">experiment</th><th scope="col">test accuracy</th>
<th scope="col">seconds</th></tr></thead>
<tbody>
$contents
</tbody>
</table></div>
</nav>
<main>
$sections
</main>
</body>
</html>
""")


@dataclass(frozen=True)
class Part:
    """The output of one recipe."""

    name: str
    docstring: str  # its first line is the title
    folder: Path  # of the figures
    results: Mapping[str, Any]  # the contents of results.json
    error: str = ""  # the traceback, if the recipe failed

    @property
    def title(self) -> str:
        """The first line of the docstring."""
        return self.docstring.splitlines()[0].rstrip(".")


def make_page(parts: Sequence[Part], *, remark: str) -> str:
    """Return an HTML page of the parts, with `remark` below its title; it needs no other file."""
    return PAGE.substitute(
        remark=escape(remark),
        contents="\n".join(_line_of_contents(part) for part in parts),
        sections="\n".join(_section(number, part) for number, part in enumerate(parts, start=1)),
    )


def _line_of_contents(part: Part) -> str:
    accuracy = part.results.get("test_accuracy")
    shown = "-" if accuracy is None else f"{accuracy:.2%}"
    return (
        f'<tr><th scope="row"><a href="#{part.name}">{escape(part.title)}</a></th>'
        f"<td>{'failed' if part.error else shown}</td>"
        f"<td>{part.results['seconds']:.1f}</td></tr>"
    )


def _section(number: int, part: Part) -> str:
    tables = [_table(**table) for table in part.results.get("tables", ())]
    figures = [
        _figure(part.folder / figure["file"], figure["title"])
        for figure in part.results.get("figures", ())
    ]
    blocks = [
        f'<section id="{part.name}">',
        f"<h2>{number}. {escape(part.title)}</h2>",
        f'<p class="remark"><code>prelunet reproduce {part.name}</code></p>',
        *_prose(part.docstring.partition("\n")[2]),
        *_headed("Error", _error(part.error) if part.error else []),
        *_headed("Tables", tables),
        *_headed("Figures", figures),
        *_headed("The run", ['<div class="pair">', *_run_tables(part.results), "</div>"]),
        "</section>",
    ]
    return "\n".join(blocks)


def _headed(heading: str, blocks: Sequence[str]) -> list[str]:
    return [f"<h3>{heading}</h3>", *blocks] if blocks else []


def _error(text: str) -> list[str]:
    message = text.strip().splitlines()[-1]
    return [
        f'<p class="error">{escape(message)}</p>',
        f"<details><summary>Traceback</summary><pre>{escape(text)}</pre></details>",
    ]


def _prose(text: str) -> list[str]:
    """Return the paragraphs of a docstring; indented ones, such as equations, keep their lines."""
    made = []
    for block in re.split(r"\n\s*\n", textwrap.dedent(text).strip("\n")):
        lines = re.sub("``(.+?)``", r"<code>\1</code>", escape(textwrap.dedent(block)))
        made.append(f"<pre>{lines}</pre>" if block.startswith(" ") else f"<p>{lines}</p>")
    return made


def _table(
    title: str, header: Sequence[str], rows: Iterable[Sequence[str]], remark: str = ""
) -> str:
    columns = [f'<th scope="col">{escape(cell)}</th>' if cell else "<td></td>" for cell in header]
    lines = [
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    ]
    head = f"<thead><tr>{''.join(columns)}</tr></thead>" if header else ""
    below = f'<p class="remark">{escape(remark)}</p>' if remark else ""
    return (
        f'<div class="wide"><table><caption>{escape(title)}</caption>{head}'
        f"<tbody>{''.join(lines)}</tbody></table></div>{below}"
    )


def _figure(path: Path, title: str) -> str:
    caption = escape(title)
    if path.suffix == ".html":
        document = escape(path.read_text(encoding="utf-8"))
        shown = f'<iframe title="{caption}" srcdoc="{document}"></iframe>'
    else:
        image = path.read_bytes()
        size = struct.unpack(">II", image[16:24])  # where PNG has it
        width, height = (round(n * CSS_PIXELS_PER_INCH / style.DOTS_PER_INCH) for n in size)
        content = base64.b64encode(image).decode("ascii")
        shown = (
            f'<img alt="{caption}" width="{width}" height="{height}" '
            f'src="data:image/png;base64,{content}">'
        )
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _run_tables(results: Mapping[str, Any]) -> list[str]:
    options = [
        (f"--{key.replace('_', '-')}", _words(value))
        for key, value in results["configuration"].items()
    ]
    machine = [("seconds", f"{results['seconds']:.1f}")]
    machine += [(name, str(results[key])) for name, key in MACHINE.items()]
    machine += results["versions"].items()
    return [_table("Options", (), options), _table("Time and machine", (), machine)]


def _words(value: object) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
