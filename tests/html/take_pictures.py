"""Run by the Python that has playwright: the first picture of each system of a page, as PNGs.

`python take_pictures.py CHROMIUM PAGE FOLDER`: `<system>-<scheme>.png`, and `<system>-<scheme>-spoiled.png`, the same without one
of its boxes. Fonts differ from machine to machine, so that no text is in them, and nothing is as wide or as high as a text is.
"""

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, sync_playwright

WITHOUT_TEXT = """
  * { color: transparent !important; }
  header, nav, figcaption, section.table { display: none !important; }
  body { display: block !important; width: 1200px; }
  .scroll, .zones { overflow: visible !important; max-height: none !important; }
  svg text { display: none; }
  .network b, .network span, .network em, .network h4, .network h5 {
    display: block !important; height: 18px; overflow: hidden; white-space: nowrap; }
  .network .outside li { width: 180px; }
"""
SCHEMES = ("light", "dark")


def taken(picture: Locator, path: Path) -> None:
    """Flat areas and lines: 64 colours say them, and the file is small."""
    picture.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def look(browser: Browser, address: str, scheme: str, folder: Path) -> None:
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": 1400, "height": 900},
        offline=True,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    # The page's policy lets in no other style sheet; one that a script of the browser's own makes is not held to it.
    page.evaluate(
        "text => { const sheet = new CSSStyleSheet(); sheet.replaceSync(text); document.adoptedStyleSheets = [sheet]; }",
        WITHOUT_TEXT,
    )
    for chapter in page.locator("section.chapter:has(figure)").all():
        system, picture = chapter.get_attribute("id"), chapter.locator("figure").first
        drawn = picture.locator("svg") if picture.locator("svg").count() else picture
        taken(drawn, folder / f"{system}-{scheme}.png")
        picture.locator(".node").last.evaluate("node => node.remove()")
        taken(drawn, folder / f"{system}-{scheme}-spoiled.png")
    context.close()


def main() -> None:
    program, file, folder = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for scheme in SCHEMES:
            look(browser, Path(file).resolve().as_uri(), scheme, Path(folder))
        browser.close()


if __name__ == "__main__":
    main()
