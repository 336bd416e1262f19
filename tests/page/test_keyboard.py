"""The page without a mouse."""

from browser import wait
from selenium.webdriver.common.keys import Keys
from standin import World, many, port


def focused(page):
    return page.run("return document.activeElement.dataset.port ?? document.activeElement.id")


def test_the_grid_is_one_stop_and_arrows_move_in_it(open_page):
    page = open_page()
    page.keys(Keys.TAB, Keys.ENTER)  # "Skip to the ports"
    assert focused(page) == "5000"
    columns = page.run("return document.querySelector('[role=row]').children.length")
    assert columns == 10
    for key, number in (
        (Keys.ARROW_RIGHT, 5001),
        (Keys.ARROW_DOWN, 5001 + columns),
        (Keys.HOME, 5000 + columns),
        (Keys.END, 5000 + 2 * columns - 1),
        (Keys.ARROW_UP, 5000 + columns - 1),
        (Keys.ARROW_LEFT, 5000 + columns - 2),
        (Keys.CONTROL + Keys.END, 5063),
        (Keys.ARROW_RIGHT, 5063),
        (Keys.CONTROL + Keys.HOME, 5000),
        (Keys.PAGE_DOWN, 5063),
        (Keys.PAGE_UP, 5000),
    ):
        page.keys(key)
        assert focused(page) == str(number), key
    assert len(page.all("[role=gridcell][tabindex='0']")) == 1


def test_enter_opens_a_port_and_escape_leads_back(open_page):
    page = open_page()
    page.keys(Keys.TAB, Keys.ENTER, Keys.ARROW_RIGHT, Keys.ENTER)
    assert focused(page) == "detail-title"
    assert page.text("#detail-title").startswith("Port 5001")
    assert page.one("[data-port='5001']").get_attribute("aria-selected") == "true"
    page.keys(Keys.ESCAPE)
    assert focused(page) == "5001"
    assert page.text("#detail") == ""


def test_the_focus_stays_at_its_port_when_others_come_and_go(open_page):
    page = open_page(World([port(5000), port(5005)]))
    page.keys(Keys.TAB, Keys.ENTER, Keys.ARROW_RIGHT)
    page.world.change([port(5001), port(5002)])
    wait(lambda: len(page.cells()) == 4, "the ports are there")
    assert focused(page) == "5005"


def test_single_keys_do_what_the_help_says(open_page):
    page = open_page()
    page.keys("w")
    assert page.shown_ports() == [5007, 5023, 5040]
    page.keys("t")
    assert page.text("#grid") != ""
    page.keys("/")
    assert focused(page) == "search"
    page.keys("w")
    assert page.one("#search").get_property("value") == "w", "in the search a key is a letter"
    page.keys(Keys.ESCAPE)
    assert len(page.shown_ports()) == 64
    page.run("document.activeElement.blur()")
    page.keys("p")
    assert page.text("#connection") == "Paused"
    page.keys("p")
    wait(page.is_live, "the page is live")
    page.keys("?")
    assert page.all("#help[open]")


def test_single_keys_can_be_switched_off(open_page):
    page = open_page()
    page.keys("?")
    page.one("#single-keys").click()
    page.keys(Keys.ESCAPE)
    assert not page.all("#help[open]")
    page.keys("w")
    assert len(page.shown_ports()) == 64
    page.driver.refresh()
    wait(page.is_live, "the page is live")
    page.keys("w")
    assert len(page.shown_ports()) == 64, "the choice is kept"
    page.run("localStorage.clear()")


def test_a_cell_is_read_out_with_its_state(open_page):
    page = open_page(World(many(1000)))
    cell = page.one("[data-port='5036']")
    assert (cell.aria_role, cell.accessible_name) == ("gridcell", "5036 lingering")
