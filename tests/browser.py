"""What a browser, chromium, makes of pages; without one, the tests that ask for it are skipped."""

import json
import re
import shutil
import subprocess
from html import escape, unescape

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium to look at pages with")

#: Widths of a phone and of a laptop, in pixels.
WIDTHS = (390, 1280)
# Frames that hold the pages: a window cannot be as narrow as a phone. To load a page takes longer
# than to lay it out once more.
FRAMES = """<!DOCTYPE html><body style="margin:0">
{frames}
<script>
const look = {look}, widths = {widths};
addEventListener("load", () => {{
  const frames = [...document.querySelectorAll("iframe")];
  const seen = frames.flatMap(frame => widths.map(width => {{
    frame.width = width;
    return look(frame.contentWindow, frame.contentDocument);
  }}));
  document.body.dataset.seen = JSON.stringify(seen);
}});
</script>"""
FRAME = '<iframe width="{width}" height="900" style="border:0" src="{page}"></iframe>'


def look_at(pages, look, folder, dark=False):
    """Open pages in frames of each width, and return what a function sees in them.

    Parameters
    ----------
    pages : list of Path
        The files.
    look : str
        A JavaScript function of the frame's window and document.
    folder : Path
        Where the browser may write.
    dark : bool, default=False
        Whether the user prefers dark pages.

    Returns
    -------
    seen : list of list
        What the function returned, for each page and width.
    """
    copy = folder / "frames.html"
    frames = "\n".join(FRAME.format(width=WIDTHS[0], page=escape(page.as_uri())) for page in pages)
    text = FRAMES.format(frames=frames, look=look, widths=list(WIDTHS))
    copy.write_text(text, encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        # Files may look into one another.
        "--allow-file-access-from-files",
        f"--user-data-dir={folder / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--window-size={max(WIDTHS)},900",
        "--dump-dom",
        copy.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    seen = iter(json.loads(unescape(re.search('data-seen="([^"]*)"', done.stdout)[1])))
    return [[next(seen) for _ in WIDTHS] for _ in pages]
