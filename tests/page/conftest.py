"""What the tests share: one browser of each kind, a page at a stand-in or a real stalls, and that its console stays empty."""

import re

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

import browser
from browser import wait
from standin import Server, World, all_kinds


@pytest.fixture(scope="session")
def browsers():
    started = {}

    def get(**options):
        key = tuple(sorted(options.items()))
        if key not in started:
            started[key] = browser.start(**options)
        return started[key]

    yield get
    for driver in started.values():
        driver.quit()


class Page:
    """The page in a browser, at `url`."""

    def __init__(self, driver, url, world=None):
        self.driver = driver
        self.url = url
        self.world = world

    def open(self, fragment=""):
        self.driver.get("about:blank")  # Else only the fragment would change.
        self.driver.get_log("browser")
        self.driver.get(self.url + fragment)
        wait(self.is_live, "the page is live")
        return self

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """What is to be read there; nothing if it is hidden."""
        found = "const e = document.querySelector(arguments[0]); return e?.checkVisibility() ? e.innerText : ''"
        return re.sub(r"\n+", "\n", self.run(found, selector))

    def is_live(self):
        return self.text("#connection") == "Live" and self.text("#facts") != ""

    def shows(self, selector, text):
        wait(lambda: text in self.text(selector), f"{selector} shows {text!r}")

    def cells(self):
        """What is shown of each port in the grid: number, state, container."""
        return self.run("return [...document.querySelectorAll('[role=gridcell]')].map(c => [...c.children].map(p => p.textContent))")

    def shown_ports(self):
        """The numbers of the ports that are shown, in their order."""
        return self.run(
            "return [...document.querySelectorAll('#grid:not([hidden]) [role=gridcell], #table:not([hidden]) tbody a')]"
            ".map(e => Number(e.tagName === 'A' ? e.textContent : e.dataset.port))"
        )

    def keys(self, *keys):
        """Presses them one after the other, as on a keyboard; those of one text together.

        It names no element to type into: what had the focus in a dialog keeps it until the frame after the dialog is closed.
        """
        for key in keys:
            together = ActionChains(self.driver)
            for part in key:
                together.key_down(part)
            for part in reversed(key):
                together.key_up(part)
            together.perform()

    def complaints(self):
        """The errors and warnings of the console."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


@pytest.fixture
def open_page(browsers, request):
    """Opens the page at a stand-in with this world, and checks at the end that the console stayed empty.

    A test that has the server refuse is marked `refuses`: the browser itself reports that.
    """
    opened = []

    def open_it(world=None, fragment="", prefix="/", **options):
        world = world or World(all_kinds())
        server = Server(world, prefix)
        page = Page(browsers(**options), server.url, world)
        opened.append((page, server))
        return page.open(fragment)

    yield open_it
    for page, server in opened:
        complaints = page.complaints()
        page.driver.get("about:blank")
        page.world.drop()
        server.stop()
        if not request.node.get_closest_marker("refuses"):
            assert complaints == []


def pytest_configure(config):
    config.addinivalue_line("markers", "refuses: the server refuses requests, which the browser reports")


def pytest_unconfigure(config):
    """The last line of a run says how many tests passed and failed."""
    stats = config.pluginmanager.get_plugin("terminalreporter").stats
    failed = len(stats.get("failed", [])) + len(stats.get("error", []))
    print(f"{len(stats.get('passed', []))} passed, {failed} failed")
