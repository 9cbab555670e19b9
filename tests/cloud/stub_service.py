"""Stands for `kubectl port-forward`, and for the service behind it: answers as the test says."""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

folder = Path(os.environ["STAND_INS"])
answer, *others = json.loads((folder / "service.json").read_text())
if others:
    (folder / "service.json").write_text(json.dumps(others))


class Service(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = {"path": self.path, "key": self.headers["X-API-Key"], "bytes": len(body)}
        (folder / "request.json").write_text(json.dumps(request))
        self.send_response(answer["status"])
        self.send_header("X-Model", answer["model"])
        self.send_header("X-Segment-Count", str(answer["segments"]))
        self.end_headers()
        self.wfile.write(answer["body"].encode())

    def log_message(self, *_: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", 0), Service)
print(f"Forwarding from 127.0.0.1:{server.server_port} -> 8080", flush=True)
server.serve_forever()
