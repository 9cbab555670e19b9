from __future__ import annotations

import pytest
from flask.testing import FlaskClient

ODD = {
    "no date": "x",
    "a year of five digits": "Wed, 21 Oct 99999 07:28:00 GMT",
    "a month that is not": "Wed, 21 Foo 2015 07:28:00 GMT",
    "a zone of many digits": "Wed, 21 Oct 2015 07:28:00 " + "9" * 19,
    "a zone of 4,000 digits": "Wed, 21 Oct 2015 07:28:00 " + "9" * 4000,
    "before the year 1 in Greenwich": "Mon, 01 Jan 0001 00:00:00 +2359",
    "after the year 9999 in Greenwich": "Fri, 31 Dec 9999 23:59:59 -2359",
    "a day of many digits": "Wed, " + "9" * 30 + " Oct 2015 07:28:00 GMT",
    "other bytes": "Wed, 21 Oct \xac 07:28:00 GMT",
}


@pytest.mark.parametrize("date", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("header", ["If-Modified-Since", "If-Range"])
@pytest.mark.parametrize("path", ["/static/style.css", "/openapi.json", "/docs"])
def test_a_condition_on_an_impossible_date_is_none(
    client: FlaskClient, path: str, header: str, date: str
) -> None:
    answer = client.get(path, headers={header: date, "Range": "bytes=0-9"})
    assert answer.status_code in (200, 206)


def test_a_file_that_a_browser_has_is_not_sent_again(client: FlaskClient) -> None:
    known = client.get("/static/style.css").headers["Last-Modified"]
    assert client.get("/static/style.css", headers={"If-Modified-Since": known}).status_code == 304
