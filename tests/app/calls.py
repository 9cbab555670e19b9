"""Every call that an app answers, so that no new route is forgotten."""

from __future__ import annotations

import re

from flask import Flask

_PARTS = {"filename": "style.css", "name": "stub", "version": "1"}


def calls_of(app: Flask) -> list[tuple[str, str]]:
    """Each method and path that `app` routes, whatever is in a path's place for a name."""
    return [
        (method, re.sub(r"<(\w+:)?(\w+)>", lambda part: _PARTS[part[2]], rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]
