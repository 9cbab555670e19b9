"""Estimate what the service costs: python -m scripts.cost --price c4-standard-4=0.21 --premium 0.12

Prints the tables of docs/cost.md, which explains the inputs. The default prices are examples: look yours up.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

# From the manifests (tests/k8s/test_machines.py compares them).
CORES = 2  # of a pod
CORES_REQUESTED = 1.7
TARGET = 0.7  # of the request: the load at which the autoscaler adds pods
TARGET_OF_LIMIT = (
    0.6  # the same where pods request their limit, as docs/cost.md advises on Autopilot's default
)
REDIS_CORES, REDIS_MEMORY = 0.25, 0.5  # cores and GiB
PODS = {"production": 3, "staging": 1}  # when nobody sends anything
MEMORY = 4  # GiB

# From docs/performance.md: CPU seconds of a picture of 512 × 512, and how many of its cores a pod can use.
CORES_USED = 1.6
CPU_SECONDS = {
    ("nuclei", "AMX"): 0.09,
    ("nuclei", "AVX2"): 0.32,
    ("people", "AMX"): 0.05,
    ("people", "AVX2"): 0.05,
}

SYSTEM_CORES = 0.42  # that GKE's own pods request on a machine; kubectl describe node shows it
HOURS = 730  # in a month

# Example prices in US dollars an hour, remembered from Google's lists for us-central1 in 2025.
POD_CORE, POD_GIB = 0.0445, 0.0049  # Autopilot's general-purpose pods
CLUSTER = 0.10
BALANCER = 0.025  # up to five rules of global load balancers, and as much for those of a region
NAT_MACHINE, NAT_ADDRESS = 0.0014, 0.005
PREMIUM = 0.10  # a guess: what Autopilot adds to the price of a machine that a ComputeClass names
SPOT = 0.4  # a guess: share of the price that Spot machines cost
RUN_CORE_SECOND, RUN_GIB_SECOND, RUN_MILLION = 0.000024, 0.0000025, 0.40  # Cloud Run, while requests run
VERTEX_MACHINE = 0.2233  # n2-standard-4, the default of deploy/vertex/deploy.py, on Vertex AI
VERTEX_TARGET = 0.6  # of all cores: at which Vertex AI adds machines by default
DEFAULT_POD = CORES * POD_CORE + MEMORY * POD_GIB  # for what it requests, on machines that Autopilot chooses


@dataclass(frozen=True)
class Machine:
    """A machine with four cores, and its price in US dollars an hour."""

    name: str
    instructions: str
    price: float
    cores: int = 4

    @property
    def pods(self) -> int:
        """How many pods fit, beside GKE's own."""
        return math.floor((allocatable(self.cores) - SYSTEM_CORES) / CORES_REQUESTED)


MACHINES = (Machine("c4-standard-4", "AMX", 0.198), Machine("c3-standard-4", "AMX", 0.202))


def allocatable(cores: int) -> float:
    """Cores that GKE leaves for pods: it keeps 6 % of the first, 1 % of the second, then 0.5 and 0.25 %."""
    shares = (0.06, 0.01, 0.005, 0.005)
    return cores - sum(shares[:cores]) - 0.0025 * max(0, cores - len(shares))


def pictures_a_second(model: str, instructions: str) -> float:
    """Of one pod that is fully loaded."""
    return CORES_USED / CPU_SECONDS[model, instructions]


def a_million(model: str, instructions: str, pod_price: float, busy_cores: float) -> float:
    """US dollars for a million pictures, with `busy_cores` of each pod busy, as the autoscaler keeps them."""
    cpu_hours = CPU_SECONDS[model, instructions] * 1e6 / 3600
    return pod_price * cpu_hours / busy_cores


def tables(prices: Mapping[str, float], premium: float, spot: float) -> str:
    """Three tables in Markdown: on GKE a million pictures, and a month without any; both elsewhere."""
    plain = [replace(one, price=prices.get(one.name, one.price)) for one in MACHINES]
    machines = [replace(one, price=one.price * (1 + premium)) for one in plain]
    return f"{_million(machines)}\n\n{_idle(machines[0], spot)}\n\n{_elsewhere(plain[0])}"


def _million(machines: Sequence[Machine]) -> str:
    busy = TARGET * CORES_REQUESTED
    kinds = [(one.name, one.instructions, one.price / one.pods, busy) for one in machines]
    kinds.append(("Autopilot's default", "AVX2", DEFAULT_POD, TARGET_OF_LIMIT * CORES))
    lines = [
        "| machine | instructions | a pod and hour | nuclei a second | a million nuclei | a million people |"
    ]
    lines.append("|---|---|---|---|---|---|")
    for name, instructions, price, busy in kinds:
        rate = pictures_a_second("nuclei", instructions)
        nuclei, people = (a_million(model, instructions, price, busy) for model in ("nuclei", "people"))
        lines.append(
            f"| {name} | {instructions} | ${price:.3f} | {rate:.0f} | ${nuclei:.2f} | ${people:.2f} |"
        )
    return "\n".join(lines)


def _idle(machine: Machine, spot: float) -> str:
    count = {overlay: math.ceil(pods / machine.pods) for overlay, pods in PODS.items()}
    chosen = {
        f"production, {PODS['production']} pods": count["production"] * machine.price,
        f"staging, {PODS['staging']} pod": count["staging"] * machine.price * spot,
    }
    default = [PODS["production"] * DEFAULT_POD, PODS["staging"] * DEFAULT_POD]
    rows = [(what, price, other) for (what, price), other in zip(chosen.items(), default, strict=True)]
    nat = [NAT_ADDRESS + NAT_MACHINE * machines for machines in (sum(count.values()), sum(PODS.values()))]
    redis = REDIS_CORES * POD_CORE + REDIS_MEMORY * POD_GIB
    rows += [
        ("cluster", CLUSTER, CLUSTER),
        ("load balancers, global and internal", 2 * BALANCER, 2 * BALANCER),
        ("Cloud NAT", nat[0], nat[1]),
        ("Redis", redis, redis),
    ]
    rows.append(("**together**", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    lines = [
        f"| a month without pictures | {machine.name}, staging on Spot | Autopilot's default |",
        "|---|---|---|",
    ]
    lines += [f"| {what} | ${HOURS * price:.0f} | ${HOURS * other:.0f} |" for what, price, other in rows]
    return "\n".join(lines)


def _elsewhere(machine: Machine) -> str:
    """Of nuclei, with AMX and with AVX2, since platforms do not promise either."""
    share = CORES_USED / CORES  # of its cores that a process can use
    instance = CORES * RUN_CORE_SECOND + MEMORY * RUN_GIB_SECOND
    rows = [
        (
            f"Docker on {machine.name}",
            machine.price,
            lambda cpu: machine.price * cpu / (machine.cores * share),
        ),
        ("Cloud Run", 0, lambda cpu: 3600 * instance * cpu / CORES_USED + RUN_MILLION),
        ("Vertex AI endpoint", VERTEX_MACHINE, lambda cpu: VERTEX_MACHINE * cpu / (4 * VERTEX_TARGET)),
        ("Vertex AI batch", 0, lambda cpu: VERTEX_MACHINE * cpu / (4 * share)),
    ]
    lines = ["| elsewhere | a month without pictures | a million nuclei, AMX | AVX2 |", "|---|---|---|---|"]
    for name, idle, price in rows:
        amx, avx2 = (price(CPU_SECONDS["nuclei", one] * 1e6 / 3600) for one in ("AMX", "AVX2"))
        lines.append(f"| {name} | ${HOURS * idle:.0f} | ${amx:.2f} | ${avx2:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m scripts.cost", description=__doc__)
    parser.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="MACHINE=DOLLARS",
        help="an hour of c4-standard-4, say",
    )
    parser.add_argument(
        "--premium", type=float, default=PREMIUM, help="of Autopilot, as a share of the price"
    )
    parser.add_argument("--spot", type=float, default=SPOT, help="price of Spot machines, as a share")
    asked = parser.parse_args()
    prices = {}
    for given in asked.price:
        name, _, price = given.partition("=")
        if name not in (machine.name for machine in MACHINES):
            parser.error(
                f"--price {given}: expected {' or '.join(one.name for one in MACHINES)}, then =DOLLARS"
            )
        try:
            prices[name] = float(price)
        except ValueError:
            parser.error(f"--price {given}: expected a number after the equals sign")
    print(tables(prices, asked.premium, asked.spot))


if __name__ == "__main__":
    main()
