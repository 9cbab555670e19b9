"""Probe: exits with 0 if the service in this container is ready; the container's image has no curl.

It imports nothing from the service, so that running it every half a minute costs next to nothing.
"""

from __future__ import annotations

import http.client
import os
import sys

_SECONDS = 4.0  # less than HEALTHCHECK's timeout, so that the reason is still printed


def main() -> int:
    """Request /readyz on the service's port and print the answer, or why there is none."""
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
