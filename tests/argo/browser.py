"""Debian's Chromium, driven by Playwright: people at pages, and what went wrong on these without their seeing it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, ViewportSize, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
WIDTH, HEIGHT = 1280, 800
WAIT = 30_000  # milliseconds for which an expectation may take to come true: a node is busy with pods


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. It has no sandbox, which root can't have."""
    expect.set_options(timeout=WAIT)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody at a page of the Argo UI, in a browser of their own."""

    page: Page
    ui: str
    problems: list[str] = field(default_factory=list)
    """Errors in the console, and exceptions that nobody caught, since `log_in`."""

    @classmethod
    def at(cls, browser: Browser, ui: str, *, ignore_https_errors: bool = False) -> "Visitor":
        """A new one, whom nobody has seen before."""
        size: ViewportSize = {"width": WIDTH, "height": HEIGHT}
        page = browser.new_context(viewport=size, ignore_https_errors=ignore_https_errors).new_page()
        page.set_default_timeout(WAIT)
        return cls(page, ui)

    def log_in(self, name: str, password: str, path: str = "/workflows/") -> None:
        """By Fanfold's page, where the Argo UI's button leads, and back to a page of the Argo UI."""
        self.page.goto(f"{self.ui}{path}")
        self.page.locator("a", has_text=re.compile("^ *Login *$")).first.click()
        self.page.get_by_label("User name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(f"{self.ui}{path}**")

    def open(self, path: str) -> None:
        """A page of the Argo UI."""
        self.page.goto(f"{self.ui}{path}")

    def button(self, name: str) -> Locator:
        """One of the buttons above a Workflow."""
        return self.page.locator("button", has_text=re.compile(f"^ *{name} *$", re.IGNORECASE))

    def node(self, label: str) -> Locator:
        """The node of the graph whose name ends so."""
        title = f"*[local-name()='title' and contains(., '{label})')]"
        return self.page.locator(f"xpath=//{title}/following-sibling::*[contains(@class, 'node ')]").first

    def stop(self) -> None:
        """Press the button that stops the Workflow, and say yes."""
        self.button("Stop").click()
        self.page.locator(".popup-container button", has_text=re.compile("^ *OK *$")).click()

    def picture(self, file: Path) -> None:
        """Take one, once what moves has come to rest."""
        self.page.screenshot(path=file, animations="disabled")

    def _note(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        if message.type == "error" and url.startswith(self.ui):
            self.problems.append(f"{message.text} ({url})")
