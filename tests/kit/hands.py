"""Hands on keyboard and mouse, which count what they press."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page


class Hands:
    """The hands of who sits at a page; a key with its modifiers counts as one."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.keys = self.clicks = 0

    @property
    def pressed(self) -> int:
        """The number of keys and clicks so far."""
        return self.keys + self.clicks

    def type(self, text: str) -> None:
        self._page.keyboard.type(text)
        self.keys += len(text)

    def press(self, key: str) -> None:
        self._page.keyboard.press(key)
        self.keys += 1

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def click_once(self, act: Callable[[], None]) -> None:
        """Count one click; act: does it, and again where the page refused it."""
        act()
        self.clicks += 1
