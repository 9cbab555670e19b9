"""Probe: exits 0 if the service beside it is ready, for containers whose image has no curl.

It imports nothing of the service, so that it costs a blink every half a minute.
"""

from __future__ import annotations

import http.client
import os
import sys

_SECONDS = 4.0  # less than HEALTHCHECK's timeout, so that the reason is still told


def main() -> int:
    """Ask /readyz on the service's port; says why where it is not ready."""
    port = int(os.environ.get("AIP_HTTP_PORT") or os.environ.get("PORT") or 8080)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        print(response.read().decode(errors="replace"))
        return int(response.status != http.HTTPStatus.OK)
    except (OSError, http.client.HTTPException) as error:
        print(f"port {port} does not answer: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
