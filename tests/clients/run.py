"""Drives both servers over both transports with one of the clients people use, as a client author would.

    python tests/clients/run.py --binary target/debug/cortexpilot --client CLIENT [--node NODE --home DIRECTORY]

CLIENT: python-1, python-2, fastmcp (the interpreter must have the package), typescript-1, typescript-2, inspector (NODE is
a node program, DIRECTORY holds `node_modules` and a copy of `node/*.mjs`). Every answer, refusals included, is validated
against the output schema that the server declared, its one text block must hold the same JSON as its structured content,
and every message of every connection is validated against the protocol's own schema of its version. Prints a line for
each check that failed, then `N passed, N failed`.
"""

import argparse
import asyncio
import os
import sys
import traceback
from contextlib import asynccontextmanager
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

import inspector
import product
import scenarios
import wire
from peers import CLIENTS

#: What is done with each server: its name, whether its gate is open, its policy, the scenario.
PLAN = [
    ("readonly", False, None, scenarios.read_only),
    ("readonly", True, None, scenarios.subscribed),
    ("pilot", False, None, scenarios.pilot_shut),
    ("pilot", True, None, scenarios.pilot_open),
    ("pilot", True, "operator", scenarios.pilot_asks),
]
#: A scenario takes seconds; one that still runs after this hangs.
LIMIT = 120


@asynccontextmanager
async def reach(made, server, over):
    """How a client reaches a server, and what reads the record when the client is gone."""
    if over == "stdio":
        command, recorded = made.stdio(server)
        yield {"command": command, "env": made.env, "cwd": str(made.root)}, recorded
    else:
        with made.http() as (relay, token):
            headers = {"Authorization": f"Bearer {token}"}
            yield {"url": relay.url(product.PATHS[server]), "headers": headers}, relay.recorded


async def drive(binary, client, transports, tally):
    total = 0
    for over in transports:
        for mode in client.modes:
            for server, gate, policy, scenario in PLAN:
                if scenario is scenarios.subscribed and not client.can_subscribe(over, client.expected_era(mode)):
                    continue
                label = f"{server} over {over}, {mode}, gate {'open' if gate else 'off'}, {policy or 'declared'}"
                with product.product(binary, gate, policy) as made:
                    try:
                        async with reach(made, server, over) as (target, recorded):
                            async with client.connect(target, mode) as peer:
                                session = scenarios.Session(peer, tally, label, made, over)
                                session.check("the protocol's era", peer.era == client.expected_era(mode), peer.era)
                                await asyncio.wait_for(scenario(session), LIMIT)
                            exchanges = recorded()
                    except Exception as error:
                        tally.check(f"{label}: {scenario.__name__} came to its end", False, error)
                        traceback.print_exception(error, limit=-3, file=sys.stdout)
                        continue
                    total += conform(tally, label, exchanges)
    print(f"{total} messages on the wire")


def conform(tally, label, exchanges):
    count, problems = wire.validate(exchanges)
    tally.check(f"{label}: messages were recorded", count > 0)
    for problem in problems:
        print(problem)
    tally.check(f"{label}: every message validates against the protocol's schema", not problems, len(problems))
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--client", required=True, choices=[*CLIENTS, "inspector"])
    parser.add_argument("--node", default="node")
    parser.add_argument("--home", default=".")
    parser.add_argument("--over", action="append", choices=["stdio", "http"], help="one transport alone")
    arguments = parser.parse_args()
    transports = arguments.over or ["stdio", "http"]
    binary, home = os.path.abspath(arguments.binary), os.path.abspath(arguments.home)
    tally = scenarios.Tally()
    for what, refused in wire.known_to_be_wrong():
        tally.check(f"the validator refuses {what}", refused)
    if arguments.client == "inspector":
        inspector.drive(binary, arguments.node, home, transports, tally, conform)
    else:
        client = CLIENTS[arguments.client]
        client.node, client.home = [arguments.node], home
        asyncio.run(drive(binary, client, transports, tally))
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    raise SystemExit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
