"""Pages in a real browser: chromium, without a window and without a network."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import pytest

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--hide-scrollbars", "--enable-logging=stderr"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000"),
)


def open_page(path, profile, *, width=1200):
    """Return a page's elements as the browser has them in the end, and the console's lines.

    Skips the test where there is no chromium. `profile` is a folder for the browser's own files.
    """
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed, which is to open the page")
    window = [f"--user-data-dir={profile}", f"--window-size={width},900"]
    command = [browser, *FLAGS, *window, "--dump-dom", path.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout, re.findall(r"CONSOLE[^\]]*\] (.*)", run.stderr)


def ask_page(path, profile, question, **window):
    """Return what an expression of JavaScript gives in the page, and the console's lines.

    It is put in a copy of the page, three seconds after all is loaded.
    """
    asking = f"""<script>addEventListener("load", () => setTimeout(() => {{
      const answer = document.createElement("output");
      answer.textContent = JSON.stringify({question});
      document.body.append(answer);
    }}, 3000))</script>"""
    copy = path.with_name(f"asked_{path.name}")
    copy.write_text(path.read_text(encoding="utf-8") + asking, encoding="utf-8")
    elements, console = open_page(copy, profile, **window)
    answer = re.search(r"<output>(.*)</output>\s*</body>", elements, re.DOTALL)
    return json.loads(html.unescape(answer[1])), console
