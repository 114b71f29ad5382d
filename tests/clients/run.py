"""Drives both stdio servers with the official Python SDK, as a client author would.

    python3 tests/clients/run.py --binary target/debug/cortexpilot --sdk 1|2

Every answer, refusals included, is validated against the output schema that the server declared, and its one text block
must hold the same JSON as its structured content. Prints a line for each check that failed, then `N passed, N failed`.
"""

import argparse
import asyncio
import hashlib
import json
import os
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import jsonschema
from mcp import StdioServerParameters, types

READ_ONLY = {
    "list_runs", "get_run", "get_run_events", "get_run_reports", "list_workflows", "get_workflow", "list_queue",
    "get_pending_approvals", "get_diff_gate_state", "get_compare_summary", "get_proof_summary", "get_incident_summary",
}
PILOT = ["preview_enqueue_from_run", "enqueue_from_run"]


class Tally:
    """Counts checks; a failed one is named and the rest go on."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, holds, seen=None):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {name}: {seen!r}", flush=True)


class Session:
    """One connection, with the two SDK generations' names for the same things made one."""

    def __init__(self, inner, tally, label, root, asked):
        self.inner, self.tally, self.label = inner, tally, label
        self.root, self.asked = root, asked
        self.schemas = {}

    def ledger(self, name):
        """The events of a ledger file, as they stand on disk."""
        path = self.root / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async def tools(self):
        listed = (await self.inner.list_tools()).tools
        for tool in listed:
            self.schemas[tool.name] = member(tool, "outputSchema", "output_schema")
        return [tool.name for tool in listed]

    async def call(self, tool, arguments):
        """Calls a tool; gives (is_error, object) after checking what every answer must be."""
        result = await self.inner.call_tool(tool, arguments)
        body = member(result, "structuredContent", "structured_content")
        name = f"{self.label}: {tool}({json.dumps(arguments)})"
        texts = [block.text for block in result.content]
        self.tally.check(f"{name} has one text block with the same JSON",
                         len(texts) == 1 and json.loads(texts[0]) == body, texts)
        try:
            jsonschema.validate(body, self.schemas[tool])
            self.tally.check(f"{name} validates", True)
        except jsonschema.ValidationError as error:
            self.tally.check(f"{name} validates", False, error.message)
        return bool(member(result, "isError", "is_error")), body


def member(value, *names):
    for name in names:
        if hasattr(value, name):
            return getattr(value, name)
    raise AttributeError(names)


def yes_to_everything(asked):
    """A client that accepts every form with its box ticked, with nobody at the keyboard; keeps what it was asked."""

    async def answer(_context, params):
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"confirm": True, "comment": "fine"})

    return answer


@asynccontextmanager
async def connect_1(parameters, _mode, answer):
    from mcp import ClientSession
    from mcp.client.stdio import stdio_client

    async with stdio_client(parameters) as (read, write):
        async with ClientSession(read, write, elicitation_callback=answer) as session:
            await session.initialize()
            yield session


@asynccontextmanager
async def connect_2(parameters, mode, answer):
    from mcp import Client

    async with Client(parameters, mode=mode, cache=None, elicitation_callback=answer) as client:
        yield client


def write_run(runs, run_id, *, events=(), altered=False, workflow="wf-sdk"):
    """A run directory as orchestrators write them: contract, manifest with its digest, events, one report."""
    home = runs / run_id
    (home / "reports").mkdir(parents=True)
    contract = {
        "task_id": f"task_{run_id}",
        "owner_agent": {"role": "TECH_LEAD", "agent_id": "agent-1"},
        "allowed_paths": ["docs"],
        "acceptance_tests": [{"name": "noop", "cmd": "echo ok", "must_pass": True}],
        "tool_permissions": {"filesystem": "workspace-write", "network": "deny"},
        "timeout_retry": {"timeout_sec": 60},
    }
    raw = json.dumps(contract).encode()
    (home / "contract.json").write_bytes(raw)
    digest = hashlib.sha256(b"another" if altered else raw).hexdigest()
    (home / "manifest.json").write_text(json.dumps({
        "run_id": run_id, "task_id": contract["task_id"], "created_at": "2026-03-01T12:00:00+00:00",
        "status": "SUCCESS", "runner": {"name": "agents"}, "workflow": {"workflow_id": workflow, "status": "SUCCESS"},
        "evidence_hashes": {"contract.json": digest},
    }))
    lines = [{"ts": "2026-03-01T12:00:01+00:00", "event": name, "context": {}} for name in events]
    (home / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (home / "reports" / "test_report.json").write_text('{"status": "PASS"}')


async def read_only(session, tally):
    label = session.label
    tally.check(f"{label}: twelve read-only tools", set(await session.tools()) == READ_ONLY, sorted(session.schemas))
    run = {"run_id": "run_ok"}
    happy = {
        "list_runs": {}, "get_run": run, "get_run_events": run, "get_run_reports": run, "list_workflows": {},
        "get_workflow": {"workflow_id": "wf-sdk"}, "list_queue": {}, "get_pending_approvals": {},
        "get_diff_gate_state": {}, "get_compare_summary": run, "get_proof_summary": run, "get_incident_summary": run,
    }
    for tool in sorted(session.schemas):
        error, body = await session.call(tool, happy[tool])
        tally.check(f"{label}: {tool} answers", not error, body)
    _, page = await session.call("list_runs", {"limit": 1})
    _, rest = await session.call("list_runs", {"limit": 500, "cursor": page["next_cursor"]})
    ids = [entry["run_id"] for entry in page["runs"] + rest["runs"]]
    tally.check(f"{label}: pages join to the whole list", sorted(ids) == ["run_altered", "run_ok", "run_wait"], ids)
    _, waiting = await session.call("get_pending_approvals", {})
    tally.check(f"{label}: one run waits", [row["run_id"] for row in waiting["approvals"]] == ["run_wait"], waiting)
    for tool, arguments, code in [
        ("get_run", {"run_id": "missing"}, "RUN_NOT_FOUND"),
        ("get_run_events", {"run_id": "missing"}, "RUN_NOT_FOUND"),
        ("get_run", {"run_id": "../../etc"}, "RUN_ID_INVALID"),
        ("get_run", {}, "ARGUMENTS_INVALID"),
        ("get_run", {"run_id": 7}, "ARGUMENTS_INVALID"),
        ("list_runs", {"limit": 0}, "ARGUMENTS_INVALID"),
        ("list_runs", {"colour": "red"}, "ARGUMENTS_INVALID"),
        ("get_workflow", {"workflow_id": "none"}, "WORKFLOW_NOT_FOUND"),
    ]:
        error, body = await session.call(tool, arguments)
        tally.check(f"{label}: {tool} {arguments} is {code}", error and body["code"] == code, body)


async def pilot_shut(session, tally):
    label = session.label
    tally.check(f"{label}: exactly two pilot tools", await session.tools() == PILOT, sorted(session.schemas))
    error, preview = await session.call("preview_enqueue_from_run", {"run_id": "run_ok"})
    tally.check(f"{label}: the preview says it is off",
                not error and not preview["can_apply"] and preview["mutation_gate"] == "default-off", preview)
    error, body = await session.call("enqueue_from_run", apply(preview["acting_as"]["roles"][0]))
    tally.check(f"{label}: apply is refused", error and body["code"] == "MUTATION_GATE_CLOSED", body)


def apply(role, **other):
    inputs = {"run_id": "run_ok", "actor_role": role, "requested_by": "alice", "approval_reason": "flaky test",
              "confirm": True}
    return {**inputs, **other}


async def pilot_open(session, tally):
    label = session.label
    await session.tools()
    error, body = await session.call("enqueue_from_run", apply("OPS"))
    tally.check(f"{label}: no preview, no item", error and body["code"] == "PREVIEW_REQUIRED", body)
    error, preview = await session.call("preview_enqueue_from_run", {"run_id": "run_ok", "priority": 3})
    tally.check(f"{label}: the preview says it could be queued", not error and preview["can_apply"], preview)
    previewed = {"priority": 3, "preview_token": preview["preview_token"]}
    for change, code in [
        ({"confirm": False}, "CONFIRM_REQUIRED"),
        ({"confirm": "true"}, "ARGUMENTS_INVALID"),
        ({"actor_role": ""}, "ROLE_REQUIRED"),
        ({"actor_role": "WORKER"}, "ROLE_FORBIDDEN"),
        ({"requested_by": " "}, "METADATA_REQUIRED"),
        ({"approval_reason": "a\u202eb"}, "METADATA_REJECTED"),
        ({"run_id": "../x"}, "RUN_ID_INVALID"),
        ({"run_id": "missing"}, "RUN_NOT_FOUND"),
        ({"run_id": "run_altered"}, "CONTRACT_ALTERED"),
        ({"run_id": "run_wait"}, "RUN_AWAITING_APPROVAL"),
        ({"preview_token": "nonsense"}, "PREVIEW_REQUIRED"),
        ({"priority": 4}, "PREVIEW_STALE"),
        ({"scheduled_at": "next tuesday"}, "ARGUMENTS_INVALID"),
        ({"priority": 5.5}, "ARGUMENTS_INVALID"),
        ({"allow_duplicate": True}, "ARGUMENTS_INVALID"),
    ]:
        error, body = await session.call("enqueue_from_run", apply("OPS", **{**previewed, **change}))
        tally.check(f"{label}: {change} is {code}", error and body["code"] == code, body)
    error, item = await session.call("enqueue_from_run", apply("OPS", **previewed))
    tally.check(f"{label}: queued", not error and item["current_status"] == "PENDING" and not item["already_applied"], item)
    error, again = await session.call("enqueue_from_run", apply("OPS", **previewed))
    tally.check(f"{label}: a retry gives the same item",
                not error and again["already_applied"] and again["queue_id"] == item["queue_id"], again)
    await session.call("preview_enqueue_from_run", {"run_id": "run_ok", "priority": 3})
    error, body = await session.call("enqueue_from_run", apply("OPS", priority=3))
    tally.check(f"{label}: an equal item waits", error and body["code"] == "ALREADY_PENDING", body)
    try:
        await session.inner.call_tool("cancel_queue_item", {"queue_id": item["queue_id"]})
        tally.check(f"{label}: there is no cancel tool", False)
    except Exception as error:  # the SDKs have exception types of their own for a protocol error
        tally.check(f"{label}: there is no cancel tool", "ancel" in str(error) or "nknown" in str(error), str(error))


async def pilot_asks(session, tally):
    """Where an operator is asked: the client says yes to every form, and still nothing is queued."""
    label = session.label
    tally.check(f"{label}: exactly two pilot tools", await session.tools() == PILOT, sorted(session.schemas))
    error, preview = await session.call("preview_enqueue_from_run", {"run_id": "run_ok"})
    last = preview["gates"][-1]
    tally.check(f"{label}: the preview says that it may be asked for",
                not error and preview["can_apply"] and preview["approval_policy"] == "operator"
                and preview["approval"] is None and last["gate"] == "approval_policy" and last["open"] is None, preview)
    arguments = apply("OPS", preview_token=preview["preview_token"])
    error, asked = await session.call("enqueue_from_run", arguments)
    tally.check(f"{label}: people are asked, and that is no error",
                not error and asked["status"] == "PENDING_APPROVAL" and asked["approval"]["has"] == 0, asked)
    tally.check(f"{label}: so is the client's person, once", len(session.asked) == 1, session.asked)
    error, again = await session.call("enqueue_from_run", arguments)
    tally.check(f"{label}: asking again is the same request",
                not error and again["approval"] == asked["approval"] and len(session.asked) == 1, again)
    error, later = await session.call("preview_enqueue_from_run", {"run_id": "run_ok"})
    tally.check(f"{label}: the preview shows the request",
                not error and later["approval"]["id"] == asked["approval"]["id"]
                and later["approval"]["status"] == "PENDING", later)
    decisions = session.ledger("decisions.jsonl")
    tally.check(f"{label}: the yes is evidence and no more",
                [event["event"] for event in decisions] == ["APPROVAL_REQUESTED", "ELICITED"]
                and decisions[1]["answer"] == "accept", decisions)
    tally.check(f"{label}: nothing was queued", session.ledger("queue.jsonl") == [], session.ledger("queue.jsonl"))


async def drive(binary, sdk, tally):
    connect = connect_1 if sdk == "1" else connect_2
    for mode in ["initialize"] if sdk == "1" else ["legacy", "auto", "2026-07-28"]:
        for server, gate, policy, scenario in [
            ("mcp-readonly-server", None, None, read_only),
            ("mcp-queue-pilot-server", None, None, pilot_shut),
            ("mcp-queue-pilot-server", "1", None, pilot_open),
            ("mcp-queue-pilot-server", "1", "operator", pilot_asks),
        ]:
            with tempfile.TemporaryDirectory() as root:
                runs = Path(root) / "runs"
                write_run(runs, "run_ok", events=["RUN_STARTED"])
                write_run(runs, "run_wait", events=["HUMAN_APPROVAL_REQUIRED"])
                write_run(runs, "run_altered", altered=True)
                env = {"CORTEXPILOT_RUNTIME_ROOT": root, "PATH": os.environ.get("PATH", "")}
                if gate:
                    env["CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY"] = gate
                if policy:
                    env["CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL"] = policy
                parameters = StdioServerParameters(command=binary, args=[server], env=env, cwd=root)
                label = f"{server} gate {'open' if gate else 'off'}, {policy or 'declared'}, {mode}"
                asked = []
                async with connect(parameters, mode, yes_to_everything(asked)) as inner:
                    session = Session(inner, tally, label, Path(root), asked)
                    await asyncio.wait_for(scenario(session, tally), 120)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--sdk", required=True, choices=["1", "2"])
    arguments = parser.parse_args()
    tally = Tally()
    asyncio.run(drive(os.path.abspath(arguments.binary), arguments.sdk, tally))
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    raise SystemExit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
