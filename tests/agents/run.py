"""Drives real coding agents with a scripted model against the real servers, and says what the model received.

    python3 tests/agents/run.py --binary target/debug/cortexpilot --prefix target/clients/agents

`cargo xtask agents` installs the clients and starts this. Prints a row for each conversation and each check that failed,
then `N passed, N failed`; what could not run is a line `NOT RUN: …`. No account and no outside network are needed.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import evidence
from clients import CLIENTS, found
from model import Model, serve
from scenarios import PILOT_TOOLS, SCENARIOS
from world import HERE, PILOT, World, has_http
from wire import validate

TRANSPORTS = ["stdio", "http"]


class Session:
    """One conversation under test: collects checks, and the refusals that are due."""

    def __init__(self, client, world):
        self.client, self.world = client, world
        self.passed, self.failed = 0, []
        self.due, self.request = [], None

    def check(self, name, holds, seen=None):
        if holds:
            self.passed += 1
        else:
            self.failed.append(f"{name}: {seen!r}")

    def refused(self, received, code):
        """A refusal with this code was due here; what the wire says of it is compared when the session is over."""
        self.check(f"the model read the code {code}", received.json().get("code") == code, received.text)
        self.due.append((received, code))


def results(exchanges, tool=None):
    """The results of tool calls on the wire, in order."""
    for exchange in exchanges:
        asked = {}
        for who, text, _ in exchange:
            message = json.loads(text) if text.strip() else {}
            if who == "client" and message.get("method") == "tools/call":
                asked[json.dumps(message["id"])] = message["params"]["name"]
            elif who == "server" and "result" in message:
                name = asked.get(json.dumps(message.get("id")))
                if name and (tool is None or name == tool):
                    yield name, message["result"]


def listed(exchanges):
    """The tools that servers listed on the wire, by name."""
    tools = {}
    for exchange in exchanges:
        for who, text, _ in exchange:
            result = json.loads(text).get("result") if who == "server" and text.strip() else None
            for tool in (result or {}).get("tools", []) if isinstance(result, dict) else []:
                tools[tool["name"]] = tool
    return tools


def instructions(exchanges):
    """What servers told clients to tell their models, in either era's greeting."""
    for exchange in exchanges:
        for who, text, _ in exchange:
            result = json.loads(text).get("result") if who == "server" and text.strip() else None
            if isinstance(result, dict) and "instructions" in result:
                yield result["instructions"]


def escaped(text):
    """A text as it stands inside JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def after(session, model, exchanges, scenario, transport):
    """What must hold whatever the script did: refusals whole, tools as listed, nothing written but what was allowed."""
    refusals = {}
    for _, result in results(exchanges):
        body = result.get("structuredContent") or {}
        if result.get("isError") and "request_id" in body:
            refusals[body["request_id"]] = body
    for received, code in session.due:
        sent = refusals.get(received.json().get("request_id"))
        session.check(f"the refusal {code} was on the wire", sent is not None and sent["code"] == code, received.text)
        for part in ("code", "reason", "next_step"):
            session.check(f"{part} of {code} reached the model as it was sent",
                          sent is not None and escaped(sent[part]) in received.text, received.text)
    tools = listed(exchanges)
    if scenario.fixture:
        return
    names = {name.rsplit("__", 1)[-1]: tool for name, tool in model.tools.items()}
    if scenario.servers == (PILOT,):
        session.check("the client offers exactly the two pilot tools", sorted(names) == sorted(PILOT_TOOLS), sorted(names))
    session.check("the client offers what the servers list", names.keys() == tools.keys(), sorted(names))
    for name, tool in tools.items():
        handed = (names.get(name) or {}).get("description") or ""
        session.check(f"{name} is described whole", tool["description"] in handed, handed)
    told = set(instructions(exchanges))
    session.check("each server's instructions reached the model whole",
                  len(told) == len(scenario.servers) and all(escaped(text) in model.told for text in told), told)
    called = {name for name, _ in results(exchanges)}
    session.check("no call went to a tool that is not listed", called <= tools.keys(), sorted(called))
    queue = session.world.queue()
    session.check(f"{scenario.lines} lines in the queue's ledger",
                  [line["event"] for line in queue] == ["QUEUE_ENQUEUE"] * scenario.lines, queue)
    decisions = session.world.decisions()
    denied = [event["code"] for event in decisions if event["event"] == "DENIED"]
    wanted = [code for _, code in session.due if code not in ("RUN_NOT_FOUND", "ARGUMENTS_INVALID")]
    session.check("each denial is recorded once", denied == wanted, decisions)
    session.check("nobody approved anything", not any(event["event"] == "APPROVED" for event in decisions), decisions)
    if scenario.policy:
        requested = [event["event"] for event in decisions if event["event"] == "APPROVAL_REQUESTED"]
        session.check("one request is recorded", len(requested) == 1, decisions)
        answers = [event["answer"] for event in decisions if event["event"] == "ELICITED"]
        session.check("what the client said to the form, with nobody there, is recorded as evidence and no more",
                      answers == session.client.elicited[transport], answers)
        approved_by_a_person(session)


def approved_by_a_person(session):
    """The control: what no agent could do, the operator does with one command, and then there is a line."""
    session.world.cli("approval", "approve", session.request, "--reason", "looked at it", "--yes")
    queue = session.world.queue()
    session.check("a person's yes outside the client queues it",
                  [line["event"] for line in queue] == ["QUEUE_ENQUEUE"] and len(queue[0]["approvals"]) == 1, queue)


def converse(client, scenario, transport, options, checked):
    """Runs one conversation. Gives its session, the evidence it leaves, and how long it took."""
    started = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="cortexpilot-agents-"))
    world = World(home, options.binary, gate=scenario.gate, policy=scenario.policy, roles=scenario.roles)
    if scenario.fixture:
        world.stdio = lambda _: {"command": sys.executable, "args": [str(HERE / "fixture.py")], "env": {}}
    session = Session(client, world)
    model = Model(scenario.script(session))
    listener = serve(model)
    kept = None
    try:
        code, printed = client.run(world, listener.server_address[1], scenario.servers, transport)
        exchanges = world.recorded()
        session.check("the client came to an end", code == 0, f"{code}: {printed[-1500:]}")
        session.check("the script was played to its end", model.finished and not model.problems,
                      (model.problems, model.paths, printed[-1500:]))
        session.check("the client asked the model for nothing else", not model.strange, model.strange)
        session.check("the client looked for nobody outside", not model.outside, model.outside)
        after(session, model, exchanges, scenario, transport)
        if checked and not scenario.fixture:
            count, problems = validate(exchanges)
            session.check("every message on the wire validates", count > 0 and not problems, problems)
        kept = evidence.conversation(client, scenario, transport, world, model, session, exchanges)
    except Exception as error:  # one conversation that breaks must not hide the others
        session.failed.append(f"{type(error).__name__}: {error}: {traceback.extract_tb(error.__traceback__)[-1]}")
    finally:
        world.close()
        listener.shutdown()
        listener.server_close()
        if options.keep or session.failed:
            print(f"      kept: {home}", flush=True)
        else:
            shutil.rmtree(home)
    return session, kept, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--prefix", required=True, help="the npm prefix that the clients are installed in")
    parser.add_argument("--client", action="append", choices=[kind.name for kind in CLIENTS])
    parser.add_argument("--scenario", action="append", type=int, choices=[scenario.number for scenario in SCENARIOS])
    parser.add_argument("--transport", action="append", choices=TRANSPORTS)
    parser.add_argument("--keep", action="store_true", help="keep each conversation's directory and name it")
    parser.add_argument("--evidence", help="write wire logs and versions below this directory")
    options = parser.parse_args()
    options.binary, options.prefix = os.path.abspath(options.binary), os.path.abspath(options.prefix)
    try:
        import jsonschema  # noqa: F401  (needed by `validate`)
        checked = True
    except ImportError:
        checked = False
        print("NOT RUN: messages are not validated against the protocol's schema: this Python has no jsonschema")
    passed, failed, kept = 0, 0, []
    for kind in CLIENTS:
        if options.client and kind.name not in options.client:
            continue
        program = found(kind, options.prefix)
        if program is None:
            print(f"NOT RUN: {kind.title} is not installed below {options.prefix}")
            continue
        client = kind(program)
        version = client.version()
        print(f"{kind.title}: {version}", flush=True)
        for transport in TRANSPORTS:
            if options.transport and transport not in options.transport:
                continue
            if transport == "http" and not has_http(options.binary):
                print(f"NOT RUN: {kind.title} over HTTP: this program has no `serve --mcp-pilot`")
                continue
            for scenario in SCENARIOS:
                if options.scenario and scenario.number not in options.scenario or scenario.fixture and transport != "stdio":
                    continue
                session, record, seconds = converse(client, scenario, transport, options, checked)
                verdict = "ok  " if not session.failed else "FAIL"
                print(f"  {verdict} {transport:<5} {scenario.number}  {scenario.name:<34} "
                      f"{session.passed + len(session.failed):>3} checks {seconds:>6.1f} s", flush=True)
                for failure in session.failed:
                    print(f"      FAILED {failure[:2000]}", flush=True)
                passed += session.passed
                failed += len(session.failed)
                if record:
                    kept.append((version, record))
    if options.evidence and not failed:
        evidence.write(Path(options.evidence), kept)
        print(f"evidence written below {options.evidence}")
    elif options.evidence:
        print("no evidence written: something failed")
    print(f"{passed} passed, {failed} failed", flush=True)
    raise SystemExit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
