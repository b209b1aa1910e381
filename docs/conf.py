"""Configuration of the documentation site, which `.ci/docs.sh` builds."""

from __future__ import annotations

import sys
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.ext.autosummary import autosummary_table

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "tests" / "support")]

import figures  # noqa: E402

import prelunet as pn  # noqa: E402
import public_api  # noqa: E402

project = "prelunet"
author = "the developers of prelunet"
copyright = f"2026, {author}"
release = version = pn.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
]
exclude_patterns = ["examples"]
templates_path = ["_templates"]
nitpicky = True
default_role = "py:obj"
myst_heading_anchors = 3

# ---- API reference -----------------------------------------------------------------------------

autosummary_generate = True
autosummary_context = {"introduced": public_api.members()}
autodoc_typehints = "none"  # the docstrings give the types
numpydoc_show_class_members = False  # the template of a class lists them

# ---- gallery -----------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",  # all examples run
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "reset_modules": (),
    "min_reported_time": 1e9,
    "write_computation_times": False,
}

# ---- HTML --------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "prelunet"
html_static_path = ["_static"]
html_css_files = ["prelunet.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "prelunet"},
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "navigation_with_keys": False,
}
copybutton_exclude = ".linenos, .gp, .go"


def public_name_or_code(app, env, node, contnode):
    """Link text in single backticks to a public name or to a method of Sequential, or show code."""
    if node.get("reftype") != "obj":
        return None
    domain, target = env.domains["py"], node["reftarget"]
    for prefix in ("prelunet.", "prelunet.Sequential."):
        if prefix + target in domain.objects:
            full = prefix + target
            return domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", full, node, contnode
            )
    return nodes.literal(contnode.astext(), contnode.astext())


def drop_references(app, tree):
    """Remove the marks of references from tables, which do not list the references."""
    for table in tree.findall(autosummary_table):
        for node in list(table.findall(addnodes.pending_xref)):
            if node.get("refdomain") == "citation":
                node.parent.remove(node)


def setup(app):
    """Draw the figures, and connect the handler of names that Sphinx does not resolve."""
    figures.draw_all(ROOT / "docs")
    app.connect("missing-reference", public_name_or_code)
    app.connect("doctree-read", drop_references)
