from __future__ import annotations

import pytest
from browsing import HEIGHT, WIDTH, await_answer, choose, file_of, place_picture, shown_of, slide
from chromium import Page, expect
from known_models import OBJECTS, Known


@pytest.fixture
def shown(page: Page) -> Page:
    choose(page, file_of(place_picture()))
    await_answer(page)
    return page


def numbers(page: Page) -> list[str]:
    return page.locator("#objects tr:not([hidden]) td:first-child").all_inner_texts()


def column(page: Page, at: int) -> list[str]:
    return page.locator(f"#objects tr:not([hidden]) td:nth-child({at})").all_inner_texts()


def test_a_row_tells_what_an_object_is(shown: Page) -> None:
    expect(shown.locator("#objects tr").first.locator("td")).to_have_text(
        ["1", "cell", "0.95", "2,400", "60 × 40", "20, 20"]
    )


def test_a_heading_sorts_and_a_second_click_turns_it(shown: Page) -> None:
    for heading, first, second in (
        ("Class", "ascending", "13425"),
        ("Score", "descending", "12345"),
        ("Area", "descending", "12534"),
        ("Size", "descending", "25134"),
        ("Left, top", "ascending", "12453"),
    ):
        head = shown.locator("#headings th", has_text=heading)
        button = head.get_by_role("button")
        button.click()
        expect(head).to_have_attribute("aria-sort", first)
        assert "".join(numbers(shown)) == second, heading
        button.click()
        expect(head).to_have_attribute("aria-sort", "descending" if first == "ascending" else "ascending")
        assert numbers(shown) != list(second), heading
        expect(shown.locator("#headings [aria-sort]")).to_have_count(1)


def test_the_order_stays_when_the_filter_changes(shown: Page) -> None:
    shown.locator("#headings").get_by_role("button", name="Area").click()
    slide(shown, "#threshold", 0.1)
    assert "".join(numbers(shown)) == "12534867"


def test_totals_follow_the_filter(shown: Page) -> None:
    for threshold in (0.1, 0.5, 0.65, 0.9, 0.95, 1):
        slide(shown, "#threshold", threshold)
        areas = sorted(known.area for known in shown_of(OBJECTS, threshold))
        expect(shown.locator("#covered")).to_have_text(f"{100 * sum(areas) / (WIDTH * HEIGHT):.1f} %")
        expect(shown.locator("#total")).to_have_text(f"{sum(areas):,} px²" if areas else "–")
        middle = (areas[(len(areas) - 1) // 2] + areas[len(areas) // 2]) / 2 if areas else None
        expect(shown.locator("#typical")).to_have_text("–" if middle is None else f"{middle:,.0f} px²")


def test_histograms_show_all_and_mark_what_is_kept(shown: Page) -> None:
    def bars(kind: str) -> int:
        return shown.locator(f"#scores rect.{kind}").evaluate_all(
            "(bars) => bars.filter((bar) => Number(bar.getAttribute('height')) > 0).length"
        )

    def different(threshold: float) -> int:
        return len({int(24 * known.score) for known in shown_of(OBJECTS, threshold)})

    assert bars("all") == different(0.1)
    for threshold, kept in ((0.1, 8), (0.9, 2)):
        slide(shown, "#threshold", threshold)
        expect(shown.get_by_role("img", name=f"Score: {kept} objects kept")).to_be_visible()
        assert bars("kept") == different(threshold)


def test_micrometres_turn_up_everywhere_and_go_again(shown: Page) -> None:
    before = shown.locator("#panel").inner_text()
    shown.get_by_label("A pixel is").fill("0.5")
    first: Known = OBJECTS[0]
    assert column(shown, 4)[0] == f"{first.area * 0.25:g}"
    assert column(shown, 5)[0] == "30 × 20"
    assert column(shown, 6)[0] == "10, 10"
    expect(shown.locator("#headings")).to_contain_text("Area, µm²")
    expect(shown.locator("#headings")).to_contain_text("Size, µm")
    expect(shown.locator("#typical")).to_have_text("400 µm²")
    expect(shown.locator("#total")).to_have_text("2,025 µm²")
    expect(shown.locator("#areas figcaption")).to_have_text("Area, µm²")
    assert "px" not in shown.locator("#panel").inner_text().split("Objects")[1].split("Download")[0]
    shown.get_by_label("A pixel is").fill("")
    assert shown.locator("#panel").inner_text() == before


def test_a_size_that_no_pixel_has_is_none(shown: Page) -> None:
    for nonsense in ("0", "-1"):
        shown.get_by_label("A pixel is").fill("0.5")
        expect(shown.locator("#total")).to_have_text("2,025 µm²")
        shown.get_by_label("A pixel is").fill(nonsense)
        expect(shown.locator("#total")).to_have_text("8,100 px²")


def test_a_long_table_has_the_rows_in_reach_and_all_can_be_reached(shown: Page) -> None:
    shown.get_by_role("radio", name="crowd").check()
    expect(shown.locator("#found")).to_have_text("1,120 objects")
    expect(shown.locator("#table table")).to_have_attribute("aria-rowcount", "1121")
    assert shown.locator("#objects tr").count() < 100
    table = shown.locator("#table")
    heights = table.evaluate("(it) => [it.scrollHeight, it.querySelector('#objects tr').offsetHeight]")
    assert heights[0] == pytest.approx(1121 * heights[1], rel=0.03)
    table.evaluate("(it) => (it.scrollTop = it.scrollHeight / 2)")
    middle = shown.locator("#objects tr[aria-rowindex='562']")
    expect(middle.locator("td").first).to_have_text("561")
    expect(middle).to_be_in_viewport()
    width = table.evaluate("(it) => it.querySelector('th').offsetWidth")
    focused = shown.locator("#objects button:focus")
    shown.locator("#objects button[tabindex='0']").focus()
    expect(focused).to_have_text("1")
    shown.keyboard.press("End")
    expect(focused).to_have_text("1120")
    expect(focused).to_be_in_viewport()
    table.evaluate("(it) => (it.scrollTop = 0)")
    expect(shown.locator("#objects tr[aria-rowindex='5']")).to_be_in_viewport()
    expect(focused).to_have_text("1120")  # it is still there, out of sight
    assert table.evaluate("(it) => it.querySelector('th').offsetWidth") == width
    shown.keyboard.press("ArrowUp")
    expect(focused).to_have_text("1119")
    for key, number in (("n", "1"), ("p", "1120")):
        shown.locator("#view").press(key)
        expect(shown.locator("#objects tr.selected")).to_be_in_viewport()
        expect(shown.locator("#objects tr.selected button")).to_have_text(number)


def test_a_long_table_finds_objects_by_number_and_class(shown: Page) -> None:
    expect(shown.locator("#finding")).to_be_hidden()
    shown.get_by_role("radio", name="crowd").check()
    expect(shown.locator("#found")).to_have_text("1,120 objects")
    field = shown.get_by_label("Find")
    selected = shown.locator("#objects tr.selected")
    for text, number in (("561", "561"), ("1", "1"), ("LEA", "1")):
        field.fill(text)
        expect(selected.locator("button")).to_have_text(number)
        expect(selected).to_be_in_viewport()
    for key, number in (("Enter", "2"), ("Shift+Enter", "1"), ("Shift+Enter", "1120")):
        field.press(key)
        expect(selected.locator("button")).to_have_text(number)
        expect(selected).to_be_in_viewport()
    field.fill("1121")
    expect(shown.locator("#find-missing")).to_have_text("Nothing that is shown is called “1121”.")
    field.fill("")
    expect(shown.locator("#find-missing")).to_be_empty()
