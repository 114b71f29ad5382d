"""What a client does with each server and what must come of it. Every client of this directory runs the same scenarios
over the same few verbs (see `peers.py`), so what differs between two runs is the client and the transport alone."""

import json

import jsonschema

READ_ONLY = {
    "list_runs", "get_run", "get_run_events", "get_run_reports", "list_workflows", "get_workflow", "list_queue",
    "get_pending_approvals", "get_diff_gate_state", "get_compare_summary", "get_proof_summary", "get_incident_summary",
}
PILOT = ["preview_enqueue_from_run", "enqueue_from_run"]
TEMPLATES = {
    "cortexpilot://runs/{run_id}", "cortexpilot://runs/{run_id}/events", "cortexpilot://runs/{run_id}/reports/{name}",
    "cortexpilot://workflows/{id}", "cortexpilot://queue/{queue_id}",
}


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
    """One connection of one client to one server."""

    def __init__(self, peer, tally, label, product, over):
        self.peer, self.tally, self.label, self.product, self.over = peer, tally, label, product, over
        self.schemas = {}

    def check(self, name, holds, seen=None):
        self.tally.check(f"{self.label}: {name}", holds, seen)

    async def tools(self):
        listed = await self.peer.tools()
        self.schemas = {tool["name"]: tool["outputSchema"] for tool in listed}
        return [tool["name"] for tool in listed]

    async def call(self, tool, arguments):
        """Calls a tool; gives (is_error, object) after checking what every answer must be."""
        error, body, texts = await self.peer.call(tool, arguments)
        name = f"{tool}({json.dumps(arguments)})"
        self.check(f"{name} has one text block with the same JSON", len(texts) == 1 and json.loads(texts[0]) == body, texts)
        wrong = next(jsonschema.Draft202012Validator(self.schemas[tool]).iter_errors(body), None)
        self.check(f"{name} validates", wrong is None, wrong and wrong.message)
        return error, body

    async def refused(self, what, verb, *words):
        """A verb that must end in an error of the protocol, whatever type the client gives it."""
        try:
            answer = await verb
        except Exception as error:  # every client has exception types of its own
            self.check(what, not words or any(word in str(error) for word in words), str(error))
        else:
            self.check(what, False, answer)


# ---- the read-only server -----------------------------------------------------------------------------------------


async def read_only(session):
    session.check("twelve read-only tools", set(await session.tools()) == READ_ONLY, sorted(session.schemas))
    run = {"run_id": "run_ok"}
    happy = {
        "list_runs": {}, "get_run": run, "get_run_events": run, "get_run_reports": run, "list_workflows": {},
        "get_workflow": {"workflow_id": "wf-sdk"}, "list_queue": {}, "get_pending_approvals": {},
        "get_diff_gate_state": {}, "get_compare_summary": run, "get_proof_summary": run, "get_incident_summary": run,
    }
    for tool in sorted(session.schemas):
        error, body = await session.call(tool, happy[tool])
        session.check(f"{tool} answers", not error, body)
    _, page = await session.call("list_runs", {"limit": 1})
    _, rest = await session.call("list_runs", {"limit": 500, "cursor": page["next_cursor"]})
    ids = [entry["run_id"] for entry in page["runs"] + rest["runs"]]
    session.check("pages join to the whole list", sorted(ids) == ["run_altered", "run_ok", "run_wait"], ids)
    _, waiting = await session.call("get_pending_approvals", {})
    session.check("one run waits", [row["run_id"] for row in waiting["approvals"]] == ["run_wait"], waiting)
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
        session.check(f"{tool} {arguments} is {code}", error and body["code"] == code, body)
    await resources(session)
    await prompts(session)


async def resources(session):
    peer = session.peer
    templates = {template["uriTemplate"] for template in await peer.templates()}
    session.check("the resource templates", templates >= TEMPLATES, sorted(templates))
    listed = [resource["uri"] for resource in await peer.resources()]
    session.check("the runs are listed as resources", "cortexpilot://runs/run_ok" in listed, listed)
    for uri, member, value in [
        ("cortexpilot://runs/run_ok", "run_id", "run_ok"),
        ("cortexpilot://runs/run_ok/events", "run_id", "run_ok"),
        ("cortexpilot://runs/run_ok/reports/test_report.json", "run_id", "run_ok"),
        ("cortexpilot://workflows/wf-sdk", "workflow_id", "wf-sdk"),
    ]:
        contents = await peer.read(uri)
        one = contents[0] if contents else {}
        body = json.loads(one.get("text") or "{}")
        session.check(f"{uri} is JSON about {value}",
                      len(contents) == 1 and one["uri"] == uri and one["mimeType"] == "application/json"
                      and value in (body.get(member), body.get("workflow", {}).get(member)), contents)
    for uri in ["cortexpilot://runs/missing", "cortexpilot://runs/..%2F..%2Fetc", "cortexpilot://queue/zz",
                "cortexpilot://nothing/here", "file:///etc/passwd"]:
        await session.refused(f"{uri} is not there", peer.read(uri))


async def prompts(session):
    peer = session.peer
    listed = await peer.prompts()
    session.check("one prompt with one argument",
                  [(one["name"], [argument["name"] for argument in one["arguments"]]) for one in listed]
                  == [("explain_run", ["run_id"])], listed)
    messages = await peer.prompt("explain_run", {"run_id": "run_ok"})
    session.check("the prompt names the run", messages and "run_ok" in json.dumps(messages), messages)
    await session.refused("a prompt about no run", peer.prompt("explain_run", {"run_id": "../x"}))
    await session.refused("an unknown prompt", peer.prompt("rerun_everything", {}))
    values = await peer.complete({"type": "ref/prompt", "name": "explain_run"}, "run_id", "run_w")
    session.check("run ids complete in the prompt", values == ["run_wait"], values)
    template = {"type": "ref/resource", "uri": "cortexpilot://runs/{run_id}"}
    values = await peer.complete(template, "run_id", "run_")
    session.check("run ids complete in the template", sorted(values) == ["run_altered", "run_ok", "run_wait"], values)
    values = await peer.complete({"type": "ref/resource", "uri": "cortexpilot://workflows/{id}"}, "id", "w")
    session.check("workflow ids complete", values == ["wf-sdk"], values)


async def subscribed(session):
    """An agent hears that its queued item was cancelled, by another process."""
    uri = session.product.queued()
    heard = await session.peer.hears_of(uri, session.product.cancel_queued)
    session.check("a subscriber hears of a cancel by another process", uri in heard, heard)
    contents = await session.peer.read(uri)
    session.check("the item is cancelled", "CANCELLED" in contents[0]["text"], contents)


# ---- the queue pilot ----------------------------------------------------------------------------------------------


def apply(role, **other):
    inputs = {"run_id": "run_ok", "actor_role": role, "requested_by": "alice", "approval_reason": "flaky test",
              "confirm": True}
    return {**inputs, **other}


async def nothing_beside_tools(session):
    """The pilot is two tools and no more."""
    for what, verb in [("resources", session.peer.resources), ("resource templates", session.peer.templates),
                       ("prompts", session.peer.prompts)]:
        try:
            listed = await verb()
            session.check(f"the pilot has no {what}", listed == [], listed)
        except Exception:  # a protocol error, or a client that does not ask for what is not declared
            session.check(f"the pilot has no {what}", True)


async def pilot_shut(session):
    session.check("exactly two pilot tools", await session.tools() == PILOT, sorted(session.schemas))
    error, preview = await session.call("preview_enqueue_from_run", {"run_id": "run_ok"})
    session.check("the preview says it is off",
                  not error and not preview["can_apply"] and preview["mutation_gate"] == "default-off", preview)
    error, body = await session.call("enqueue_from_run", apply(preview["acting_as"]["roles"][0]))
    session.check("apply is refused", error and body["code"] == "MUTATION_GATE_CLOSED", body)
    session.check("nothing was queued", session.product.ledger("queue.jsonl") == [])
    await nothing_beside_tools(session)


async def pilot_open(session):
    await session.tools()
    error, body = await session.call("enqueue_from_run", apply("OPS"))
    session.check("no preview, no item", error and body["code"] == "PREVIEW_REQUIRED", body)
    error, preview = await session.call("preview_enqueue_from_run", {"run_id": "run_ok", "priority": 3})
    session.check("the preview says it could be queued", not error and preview["can_apply"], preview)
    session.check("the caller is an agent", preview["acting_as"]["kind"] == "agent", preview["acting_as"])
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
        session.check(f"{change} is {code}", error and body["code"] == code, body)
    session.check("no refusal queued anything", session.product.ledger("queue.jsonl") == [])
    error, item = await session.call("enqueue_from_run", apply("OPS", **previewed))
    session.check("queued", not error and item["current_status"] == "PENDING" and not item["already_applied"], item)
    error, again = await session.call("enqueue_from_run", apply("OPS", **previewed))
    session.check("a retry gives the same item",
                  not error and again["already_applied"] and again["queue_id"] == item["queue_id"], again)
    _, preview = await session.call("preview_enqueue_from_run", {"run_id": "run_ok", "priority": 3})
    error, body = await session.call("enqueue_from_run", apply("OPS", priority=3, preview_token=preview["preview_token"]))
    session.check("an equal item waits", error and body["code"] == "ALREADY_PENDING", body)
    await session.refused("there is no cancel tool",
                          session.peer.call("cancel_queue_item", {"queue_id": item["queue_id"]}), "ancel", "nknown")
    session.check("one line was queued", len(session.product.ledger("queue.jsonl")) == 1)


async def pilot_asks(session):
    """Where an operator is asked: the client says yes to every form, and still nothing is queued."""
    peer, product = session.peer, session.product
    session.check("exactly two pilot tools", await session.tools() == PILOT, sorted(session.schemas))
    error, preview = await session.call("preview_enqueue_from_run", {"run_id": "run_ok"})
    last = preview["gates"][-1]
    session.check("the preview says that it may be asked for",
                  not error and preview["can_apply"] and preview["approval_policy"] == "operator"
                  and preview["approval"] is None and last["gate"] == "approval_policy" and last["open"] is None, preview)
    arguments = apply("OPS", preview_token=preview["preview_token"])
    error, asked = await session.call("enqueue_from_run", arguments)
    session.check("people are asked, and that is no error",
                  not error and asked["status"] == "PENDING_APPROVAL" and asked["approval"]["has"] == 0, asked)
    # Over HTTP without a session a server has no way to ask an older client; there nobody is asked.
    times = 1 if peer.can_be_asked(session.over, peer.era) else 0
    session.check(f"so is the client's person, {times} ×", len(peer.asked) == times, peer.asked)
    error, again = await session.call("enqueue_from_run", arguments)
    session.check("asking again is the same request",
                  not error and again["approval"] == asked["approval"] and len(peer.asked) == times, again)
    error, later = await session.call("preview_enqueue_from_run", {"run_id": "run_ok"})
    session.check("the preview shows the request",
                  not error and later["approval"]["id"] == asked["approval"]["id"]
                  and later["approval"]["status"] == "PENDING", later)
    decisions = [event for event in product.ledger("decisions.jsonl") if not event["event"].startswith("TOKEN_")]
    session.check("the yes is evidence and no more",
                  [event["event"] for event in decisions] == ["APPROVAL_REQUESTED", "ELICITED"][:1 + times]
                  and (not times or decisions[1]["answer"] == "accept"), decisions)
    session.check("nothing was queued", product.ledger("queue.jsonl") == [], product.ledger("queue.jsonl"))
