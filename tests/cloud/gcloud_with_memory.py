"""Stands for gcloud, and for a project: what was made is there when it is looked up. Notes what it was asked.

The folder's `project.json` says what goes wrong, and how the connection to GitHub stands.
"""

import json
import os
import sys
from pathlib import Path

CHANGES = (
    "create",
    "create-auto",
    "add",
    "add-iam-policy-binding",
    "enable",
    "deploy",
    "service-agent",
    "submit",
)
LOOK_UPS = ("describe", "list", "get-iam-policy")
FLAGS = {  # by which what a look-up asks for was given
    "managed.domains": "domains",
    "remoteUri": "remote-uri",
    "hostname": "hostname",
    "pushEndpoint": "push-endpoint",
    "repositoryEventConfig.repository": "repository",
    "triggerTemplate.repoName": "repo",
}

folder = Path(os.environ["STAND_INS"])
arguments = sys.argv[1:]
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(["gcloud", *arguments]) + "\n")

project = json.loads((folder / "project.json").read_text())
memory = folder / "memory.json"
there = json.loads(memory.read_text()) if memory.exists() else {}


def answer(text: str = "", status: int = 0) -> None:
    print(text, file=sys.stderr if status else sys.stdout)
    sys.exit(status)


words = [word for word in arguments if not word.startswith("--")]
flags = dict(word[2:].partition("=")[::2] for word in arguments if word.startswith("--"))
verb = next(word for word in words if word in (*CHANGES, *LOOK_UPS))
group, rest = " ".join(words[: words.index(verb)]), words[words.index(verb) + 1 :]
if verb == "deploy":
    group = "run services"
name = flags.get("name") or (rest[-1] if rest else "")
thing = f"{group} {name.split('@')[0]}"
policy = f"policy of {group} {name}"

for beginning, complaint in project["fails"].items():
    if " ".join(arguments).startswith(beginning):
        if verb == "deploy":  # Cloud Run keeps a service whose revision does not become ready
            memory.write_text(json.dumps(there | {thing: flags | {"ready": "False"}}))
        answer(complaint, 1)
for beginning, text in project["answers"].items():
    if " ".join(arguments).startswith(beginning):
        answer(text)

if arguments[:2] == ["auth", "list"]:
    answer(project["account"])
elif group == "projects" and verb == "describe":
    answer("123456789")
elif verb == "list":
    answer("\n".join(there.get(f"{group} {name}".strip(), [])))
elif verb == "get-iam-policy":
    if group != "projects" and thing not in there:
        answer("ERROR: NOT_FOUND: Requested entity was not found.", 1)
    answer("\n".join(there.get(policy, [])))
elif verb == "describe":
    if thing not in there:
        answer(f"ERROR: NOT_FOUND: {thing} was not found.", 1)
    asked = flags.get("format", "")
    if "labels" in asked:
        answer(
            f"{there[thing]['labels'].removeprefix('fingerprint=')}\t['{there[thing].get('ready', 'True')}']"
        )
    for field, flag in FLAGS.items():
        if field in asked:
            answer(there[thing][flag])
    for field, text in {"format)": "DOCKER", "(status)": "RUNNING", "(location)": "EUROPE-WEST1"}.items():
        if field in asked:
            answer(text)
    answer(project["connection"] if "installationState" in asked else project["address"])
elif verb == "enable":
    there["services"] = there.get("services", []) + rest
elif verb == "add-iam-policy-binding":
    there[policy] = [*there.get(policy, []), f"{flags['role']}\t{flags['member']}"]
elif group == "storage buckets notifications":
    topic = f"//pubsub.googleapis.com/projects/p/topics/{flags['topic']}"
    there[f"{group} {name}"] = [json.dumps({"topic": topic})]
elif verb == "add":
    sys.stdin.read()
    there[f"{group} {name}"] = ["1"]
elif verb == "submit":
    there[f"artifacts docker images {flags['substitutions'].partition('_IMAGE=')[2]}"] = {}
else:
    if group == "builds triggers":
        thing = f"{group} {flags['name']}"
    there[thing] = flags
memory.write_text(json.dumps(there))
