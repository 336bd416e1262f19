"""Debian's Chromium, driven by its driver, and what the tests ask of a page."""

import time
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

# On a busy machine the page itself waits: after each answer with counters it pauses for 20 times as long as that took.
LIMIT_S = 60


def start(width=1440, height=900, dark=False, phone=False, forced_colors=False):
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    # Tests may run as root, and in containers with a small /dev/shm.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", f"--window-size={width},{height}"):
        options.add_argument(argument)
    if dark:
        options.add_argument("--force-dark-mode")
        options.add_argument("--blink-settings=preferredColorScheme=0")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.set_script_timeout(120)
    features = [
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
        {"name": "forced-colors", "value": "active" if forced_colors else "none"},
    ]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    return driver


@contextmanager
def browser(**options):
    driver = start(**options)
    try:
        yield driver
    finally:
        driver.quit()


def wait(condition, what):
    """Waits until the condition is true, and returns what it gives."""
    end = time.monotonic() + LIMIT_S
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.05)
