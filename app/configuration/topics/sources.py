"""Settings: where images may come from, besides the request."""

from __future__ import annotations

from dataclasses import dataclass

from app.configuration.definition import LONGEST_TIMEOUT_SECONDS, setting
from app.configuration.kinds import matching, names_matching, one_of, or_unset, seconds, some_of


@dataclass(frozen=True)
class SourceSettings:
    """See `Settings`."""

    url_fetch: str = setting(
        "on",
        one_of("on", "allowlist", "off"),
        "Which URLs images are fetched from: any public address (on), only MASKSERVE_URL_HOSTS (allowlist),"
        " or none (off).",
    )
    url_hosts: tuple[str, ...] = setting(
        "",
        or_unset(
            names_matching(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", "host names, separated by commas"), ()
        ),
        "With MASKSERVE_URL_FETCH=allowlist: the allowed hosts. A leading *. allows all subdomains.",
    )
    url_schemes: tuple[str, ...] = setting(
        "https",
        some_of("https", "http"),
        "The schemes that image URLs may have. Anyone between the service and the server can read and change"
        " what comes by http.",
    )
    url_timeout: float = setting(
        "10",
        seconds(LONGEST_TIMEOUT_SECONDS),
        "How long fetching an image may take, redirects included, in seconds; then 504.",
    )
    gcs_buckets: tuple[str, ...] = setting(
        "",
        or_unset(
            names_matching("[a-z0-9][a-z0-9._-]+", "bucket names without gs://, separated by commas"), ()
        ),
        "The buckets that gcs_uri may name. Default: none, and gcs_uri is refused with 403.",
    )
    path_root: str | None = setting(
        "",
        or_unset(matching("/.*", "an absolute path")),
        "The folder below which /predict/path reads files. Default: none, and that route answers 404.",
    )
