"""The built site, in the folder $PRELUNET_SITE: it is complete, and its links lead somewhere."""

from __future__ import annotations

import os
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import public_api
from browser import ask_page

if "PRELUNET_SITE" not in os.environ:
    pytest.skip("no site: .ci/docs.sh builds one", allow_module_level=True)

SITE = Path(os.environ["PRELUNET_SITE"]).resolve()


class Page(HTMLParser):
    """The links, the anchors and the text of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.remote = set(), set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[key] for key in ("id", "name") if values.get(key)}
        for key in ("href", "src"):
            if values.get(key):
                self.links.add(values[key])
                # What a browser loads with the page, unlike what a reader clicks.
                if tag in ("script", "img", "link", "iframe") and "://" in values[key]:
                    self.remote.add(values[key])


@pytest.fixture(scope="module")
def pages():
    paths = (path for path in SITE.rglob("*.html") if "_static" not in path.parts)
    found = {path: Page(path) for path in paths}
    assert len(found) > 100
    return found


def inventory():
    """Return the names that the site documents."""
    with (SITE / "objects.inv").open("rb") as file:
        for _ in range(4):
            file.readline()
        lines = zlib.decompress(file.read()).decode().splitlines()
    return {line.split(" ")[0] for line in lines if " py:" in line}


def test_every_public_name_and_method_is_documented():
    wanted = set(public_api.objects())
    for name, members in public_api.members().items():
        wanted |= {f"{name}.{member}" for member in members}
    assert wanted - inventory() == set()


def test_internal_links_lead_somewhere(pages):
    anchors = {str(path): page.anchors for path, page in pages.items()}
    files = {str(path) for path in SITE.rglob("*") if path.is_file()}
    broken = set()
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or not (parts.path or parts.fragment):
                continue
            target = (
                os.path.normpath(path.parent / unquote(parts.path)) if parts.path else str(path)
            )
            there = target in files or os.path.join(target, "index.html") in files
            if there and parts.fragment and target in anchors:
                there = unquote(parts.fragment) in anchors[target]
            if not there:
                broken.add(f"{path.relative_to(SITE)}: {link}")
    assert broken == set()


def test_pages_load_nothing_from_the_network(pages):
    assert {link for page in pages.values() for link in page.remote} == set()


def test_the_search_index_is_part_of_the_site():
    assert (SITE / "searchindex.js").read_text(encoding="utf-8").startswith("Search.setIndex(")


def test_long_names_break_on_narrow_screens(tmp_path):
    """Names in a paragraph, that is: tables and blocks of code scroll in boxes of their own."""
    paragraphs = '[...document.querySelectorAll(".bd-article p")].filter(p => !p.closest("table"))'
    question = f"{paragraphs}.map(p => [p.clientWidth, p.scrollWidth])"
    path = SITE / "guide" / "clusters.html"  # has a name of 60 letters
    try:
        widths, _ = ask_page(path, tmp_path, question, width=500)
    finally:
        path.with_name(f"asked_{path.name}").unlink(missing_ok=True)
    assert len(widths) > 5
    assert all(wanted <= given for given, wanted in widths)
