"""Run by the Python that has playwright: opens a page in Chromium, uses it, and says as JSON what it saw.

`python look.py CHROMIUM PAGE FOLDER`: the page on paper goes to the folder, in each theme. The browser has no network.
"""

import json
import sys
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}

_LISTEN = """() => {
  window.went = [];
  addEventListener("hashchange", (event) => {
    const hash = new URL(event.newURL).hash, target = document.querySelector(hash);
    went.push(target && target.getClientRects().length ? hash : "nowhere");
  });
}"""
"""Keeps where links led to: the page is asked once for all of them, since each question waits for four programs."""

_ROWS = "[...document.querySelectorAll('section.table tbody tr')].filter((row) => row.getClientRects().length)"


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


def shown(page: Page) -> int:
    return int(page.evaluate(f"{_ROWS}.length"))


def used(page: Page) -> dict[str, object]:
    """Searches, leaves the search, and follows every link of the contents by keyboard."""
    every = shown(page)
    page.keyboard.press("/")
    page.keyboard.type("postgresql 5432")
    status = page.inner_text("#found")
    rows = shown(page)
    matching = page.evaluate(f"{_ROWS}.filter((row) => row.textContent.includes('5432')).length")
    boxes = page.locator(".node.found").count()
    page.keyboard.press("Escape")
    after, links = shown(page), page.locator("nav a").evaluate_all("links => links.map((one) => one.hash)")
    page.evaluate(_LISTEN)
    for link in page.locator("nav a").all():
        link.press("Enter")
    page.wait_for_function("many => went.length >= many", arg=len(links))
    went = page.evaluate("went")
    return {
        "every": every, "rows": rows, "matching": matching, "boxes": boxes, "status": status,
        "after": after, "lost": [one for one in links if one not in went], "links": len(links),
    }  # fmt: skip


def look(browser: Browser, address: str, scheme: str, width: int, folder: Path) -> dict[str, object]:
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        offline=True,
        reduced_motion="reduce",
    )
    context.set_default_timeout(300_000)
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    theme = page.evaluate("document.documentElement.dataset.theme")
    seen: dict[str, object] = {"violations": violations(page), "theme": theme, **used(page)}
    page.click("#theme")
    seen["turned"] = page.evaluate("document.documentElement.dataset.theme")
    seen["violations turned"] = violations(page)
    page.click("#theme")
    seen["too wide"] = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    seen |= {"said": said, "asked": [url for url in asked if url.split("#")[0] != address]}
    page.pdf(path=folder / f"{scheme}.pdf", format="A4", landscape=True)
    context.close()
    return seen


def main() -> None:
    program, file, folder = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        address = Path(file).resolve().as_uri()
        found = {
            f"{scheme} {width}": look(browser, address, scheme, width, Path(folder))
            for scheme, width in (("light", 1400), ("dark", 480))
        }
        browser.close()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
