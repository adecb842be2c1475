"""Pages as a browser lays them out."""

import html
import re
import shutil
import subprocess

import pytest


def scroll_widths(pages, folder, width=390):
    """{name: how many pixels wide the page would like to be in a frame of `width` pixels}.

    pages: {name: HTML}, whose links are relative to the folder. Skips the test where there is no Chromium.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    frames = "".join(f'<iframe width="{width}" height="800" frameborder="0" srcdoc="{html.escape(page)}"></iframe>'
                     for page in pages.values())
    measure = 'Array.from(frames, frame => frame.document.documentElement.scrollWidth).join(" ")'
    (folder / "frames.htm").write_text(f'<!doctype html><meta charset="utf-8"><title></title>{frames}'
                                       f"<script>onload = () => {{ document.title = {measure} }}</script>", "utf-8")
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    shown = subprocess.run([chromium, *options, (folder / "frames.htm").as_uri()], capture_output=True, text=True, timeout=120,
                           check=True)
    return dict(zip(pages, map(int, re.search("<title>(.*)</title>", shown.stdout)[1].split()), strict=True))
