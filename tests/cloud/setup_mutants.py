"""scripts/gcp-setup.sh with one thing left out or changed: each API, role, resource and option."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from setup_run import GITHUB, SOURCE_REPOSITORIES
from workspace import ROOT

_SCRIPTS = (
    "scripts/gcp-setup.sh",
    *(
        f"scripts/gcp/{part}.sh"
        for part in ("platform", "supply", "cluster", "entrances", "events", "triggers", "monitoring")
    ),
)

_REST = r".*(?:(?<=\\)\n.*)*"  # of a command, over the lines that it is continued on

# A call of a function that makes or gives something that it is told.
_CALL = re.compile(
    r"^ *(?:account|bind|bind_agent|bucket|bucket_named|create_key|entrance|one_trigger|readable|repository"
    r"|trigger) " + _REST,
    re.MULTILINE,
)
# A command that makes something that does not exist. test_gcp_setup.py looks at what a later run replaces.
_MADE = re.compile(
    r"""change "(?!replace )[^"]*" (?:\\\n *)?(gcloud [\w -]*"""
    r"(?:create|deploy|set-cleanup-policies|submit|service-agent|update)" + _REST + "|monitoring_api POST.*)"
)
_HOW = re.compile(r"^ +how=\((\n.*?)^ +\)", re.MULTILINE | re.DOTALL)
_OPTION = re.compile(r""" --[a-z-]+(?:=(?:"[^"]*"|'[^']*'|[^\s")]+)+)?| "\$(?:flag=\$repository|when)\"""")
_API = re.compile(r"(?:(?<=wanted=\()|(?<=wanted\+=\())[^)]*")
_TOPIC = re.compile(r"(?<=for name in )[a-z -]+")
_SETTING = re.compile(r"(?<=settings=)\w+=\S+|(?<=settings\+=),\w+=\S+")

# Not needed: text for people, defaults spelt out, and the label by which a second run recognises the first.
_UNNEEDED = re.compile(r" --(description|display-name|title|release-channel|payload-format|labels)\b")

# What a project is given, and what would be too much, too little or wrong.
_OTHERWISE = {
    "roles/storage.objectViewer": "roles/storage.objectAdmin",
    "roles/artifactregistry.reader": "roles/artifactregistry.writer",
    "roles/secretmanager.secretAccessor secrets": "roles/editor secrets",
    "maskserve-build)": "maskserve-deploy)",
    "maskserve-deploy)": "maskserve-build)",
    "maskserve-tools@": "maskserve-build@",
    "maskserve-$account@": "maskserve-build@",
    "readable maskserve-tools build": "readable maskserve-tools",
    "docker-hub build tools": "docker-hub build",
    "--ingress=internal": "--ingress=all",
    "192.168.64.0/23": "10.129.0.0/23",
    "--min-tls-version=1.2": "--min-tls-version=1.1",
    "--profile=MODERN": "--profile=COMPATIBLE",
    "http://${found": "https://${domain",
    ",artifactregistry.tags.get": ",artifactregistry.repositories.uploadArtifacts",
    "--no-allow-unauthenticated": "--allow-unauthenticated",
    "events-key:latest": "api-key:latest",
    "--ack-deadline=300": "--ack-deadline=600",
    "--timeout=300": "--timeout=240",
    "--min-retry-delay=60s": "--min-retry-delay=1s",
    "--max-retry-delay=600s": "--max-retry-delay=60s",
    "--max-delivery-attempts=100": "--max-delivery-attempts=50",
    "--concurrency=16": "--concurrency=2",
    "THREADS=2": "THREADS=8",
    "--max-instances=8": "--max-instances=80",
    "OBJECT_FINALIZE": "OBJECT_DELETE",
    "'^(main|hotfix/.+)$'": "'.*'",
    "'^v.*'": "'.*'",
    "_OVERLAY=$name": "_OVERLAY=production",
    "head -c 24": "head -c 12",
}


class Mutant(NamedTuple):
    """A script in which `new` replaces `old`, which starts at the character `start` of the file."""

    file: str
    start: int
    old: str
    new: str

    def text(self) -> str:
        text = (ROOT / self.file).read_text()
        return text[: self.start] + self.new + text[self.start + len(self.old) :]

    def __str__(self) -> str:
        line = (ROOT / self.file).read_text().count("\n", 0, self.start) + 1
        old = " ".join(self.old.replace("\\\n", " ").split())
        return f"{self.file.rpartition('/')[2]} {line}: {old}" + (
            f", as {self.new}" if self.new.strip(":") else ""
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        """Those with which the script runs the line."""
        text = (ROOT / self.file).read_text()
        line = text[text.rindex("\n", 0, self.start) :].lstrip("\n").partition("\n")[0]
        of_source_repositories = re.search(r"sourcerepo|source\.reader|source repos|cloud-source", line)
        return SOURCE_REPOSITORIES if of_source_repositories else GITHUB


def mutants() -> Iterator[Mutant]:
    for file in _SCRIPTS:
        text = (ROOT / file).read_text()
        for call in _CALL.finditer(text):
            yield Mutant(file, call.start(), call[0], ":")
        for words in (*_API.finditer(text), *_TOPIC.finditer(text)):
            for word in re.finditer(r"[\w-]+", words[0]):
                yield Mutant(file, words.start() + word.start(), word[0], "")
        for made in _MADE.finditer(text):
            yield Mutant(file, made.start(), made[0], ":")
        for made in (*_MADE.finditer(text), *_HOW.finditer(text)):
            for option in _OPTION.finditer(made[1]):
                if not _UNNEEDED.match(option[0]):
                    yield Mutant(file, made.start(1) + option.start(), option[0], "")
        for setting in _SETTING.finditer(text):
            yield Mutant(file, setting.start(), setting[0], "")
        for old, new in _OTHERWISE.items():
            for place in re.finditer(re.escape(old), text):
                yield Mutant(file, place.start(), old, new)
