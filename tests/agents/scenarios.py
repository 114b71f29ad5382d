"""What the scripted model does, and what must have come of it. One function a scenario, in the order they are numbered.

A script yields calls and is sent what the client handed the model. `session.refused` notes that a refusal is due: that its
code, reason and next step reached the model as the server wrote them is checked after the session, from the wire's record.
"""

from dataclasses import dataclass
from typing import Callable

from model import Call
from world import PILOT, READ_ONLY

PREVIEW, ENQUEUE = "preview_enqueue_from_run", "enqueue_from_run"

PILOT_TOOLS = [PREVIEW, ENQUEUE]


@dataclass
class Scenario:
    """One conversation. `gate`, `policy` and `roles` are the operator's settings; `servers` what the client is given."""

    number: int
    name: str
    script: Callable
    servers: tuple = (PILOT,)
    gate: bool = False
    policy: str | None = None
    roles: str | None = None
    lines: int = 0
    """How many lines stand in the queue's ledger when the session is over."""
    fixture: bool = False
    """Whether it talks to the fixture server instead of the product."""


def apply(preview, **other):
    """The arguments that a model would make from a preview and a person's yes."""
    inputs = {"run_id": "run_ok", "actor_role": preview["acting_as"]["roles"][0], "requested_by": "alice",
              "approval_reason": "The flaky test is fixed; run the task once more.", "confirm": True,
              "preview_token": preview["preview_token"]}
    return {**inputs, **other}


def previewed(session, received, *, can_apply):
    """What a preview must tell the model, whichever copy of the answer the client hands it."""
    body = received.json()
    session.check("the preview reached the model whole",
                  {"can_apply", "effect", "gates", "acting_as", "next_step", "preview_token"} <= body.keys(), received.text)
    session.check(f"it says can_apply {can_apply}", body.get("can_apply") is can_apply, body.get("can_apply"))
    session.check("it says what to do next", len(body.get("next_step", "")) > 20, body.get("next_step"))
    return body


def inspect(session):
    received = yield Call(READ_ONLY, "list_runs", {})
    ids = [run["run_id"] for run in received.json().get("runs", [])]
    session.check("the model sees both runs", sorted(ids) == ["run_ok", "run_wait"], received.text)
    received = yield Call(READ_ONLY, "get_run", {"run_id": "run_ok"})
    session.check("and one of them in full", received.json().get("run", {}).get("run_id") == "run_ok", received.text)
    received = yield Call(READ_ONLY, "get_run_events", {"run_id": "run_ok"})
    session.check("and its events", "RUN_FINISHED" in received.text, received.text)
    received = yield Call(READ_ONLY, "get_pending_approvals", {})
    session.check("and which run waits for a person", "run_wait" in received.text, received.text)
    received = yield Call(READ_ONLY, "get_run", {"run_id": "missing"})
    session.refused(received, "RUN_NOT_FOUND")
    return "There are two runs; one waits for a person."


def preview(session):
    received = yield Call(PILOT, PREVIEW, {"run_id": "run_ok"})
    body = previewed(session, received, can_apply=False)
    session.check("queueing is off, which is the default", body.get("mutation_gate") == "default-off", body)
    received = yield Call(PILOT, PREVIEW, {"run_id": "run_wait"})
    body = previewed(session, received, can_apply=False)
    shut = [gate["code"] for gate in body["gates"] if gate["open"] is False]
    session.check("the preview names both shut gates", shut == ["MUTATION_GATE_CLOSED", "RUN_AWAITING_APPROVAL"], shut)
    return "It could not be queued now."


def gate_shut(session):
    received = yield Call(PILOT, PREVIEW, {"run_id": "run_ok"})
    body = previewed(session, received, can_apply=False)
    received = yield Call(PILOT, ENQUEUE, apply(body))
    session.refused(received, "MUTATION_GATE_CLOSED")
    return "Queueing is off here; an operator must allow it."


def wrong_role(session):
    received = yield Call(PILOT, PREVIEW, {"run_id": "run_ok"})
    body = previewed(session, received, can_apply=True)
    session.check("the preview names the one role held", body["acting_as"]["roles"] == ["OPS"], body["acting_as"])
    received = yield Call(PILOT, ENQUEUE, apply(body, actor_role="OWNER"))
    session.refused(received, "ROLE_MISMATCH")
    received = yield Call(PILOT, ENQUEUE, apply(body, confirm=False))
    session.refused(received, "CONFIRM_REQUIRED")
    return "I do not hold that role."


def stale_preview(session):
    received = yield Call(PILOT, PREVIEW, {"run_id": "run_ok"})
    body = previewed(session, received, can_apply=True)
    session.world.change_contract("run_ok")
    received = yield Call(PILOT, ENQUEUE, apply(body))
    session.refused(received, "PREVIEW_STALE")
    changed = [change["field"] for change in received.json().get("changed", [])]
    session.check("the refusal names what changed", "contract_sha256" in changed, received.text)
    session.check("nothing was queued", session.world.queue() == [], session.world.queue())
    # What the refusal tells the model to do, done: it leads to the item.
    received = yield Call(PILOT, PREVIEW, {"run_id": "run_ok"})
    body = previewed(session, received, can_apply=True)
    session.check("the new preview shows the new command", "make everything" in received.text, received.text)
    received = yield Call(PILOT, ENQUEUE, apply(body))
    session.check("after a new preview it is queued", received.json().get("current_status") == "PENDING", received.text)
    return "It changed; I showed what changed, and it is queued now."


def declared(session):
    received = yield Call(PILOT, PREVIEW, {"run_id": "run_ok", "priority": 3})
    body = previewed(session, received, can_apply=True)
    codes = [warning.get("code") for warning in body["warnings"]]
    session.check("the preview warns that nobody else is asked", "NO_HUMAN_APPROVAL" in codes, body["warnings"])
    received = yield Call(PILOT, ENQUEUE, apply(body, priority=3))
    item = received.json()
    session.check("queued", item.get("current_status") == "PENDING" and not item.get("already_applied"), received.text)
    received = yield Call(PILOT, ENQUEUE, apply(body, priority=3))
    again = received.json()
    session.check("a retry is the same item", again.get("already_applied") is True
                  and again.get("queue_id") == item.get("queue_id"), received.text)
    received = yield Call(PILOT, PREVIEW, {"run_id": "run_ok", "priority": 3})
    waiting = received.json().get("pending_matches", [])
    session.check("the preview shows the item that waits", [match["queue_id"] for match in waiting] == [item["queue_id"]],
                  received.text)
    [line] = session.world.queue()
    session.check("the line carries the stamps", (line["source_run_id"], line["priority"], line["requested_by"],
                  line["pilot_source"], line["approval_policy"]) == (
                  "run_ok", 3, "alice", "mcp_queue_pilot_server", "declared"), line)
    session.check("the line names the agent", line["principal"].startswith("agent:"), line["principal"])
    return f"Queued as {item['queue_id']}."


# What a model might try that has read that a person must approve. None of them exists.
APPROVALS = ["approve", "approve_request", "decide_approval", "cancel_queue_item"]


def operator_asked(session):
    received = yield Call(PILOT, PREVIEW, {"run_id": "run_ok"})
    body = previewed(session, received, can_apply=True)
    session.check("the policy is operator", body["approval_policy"] == "operator", body["approval_policy"])
    received = yield Call(PILOT, ENQUEUE, apply(body))
    asked = received.json()
    session.check("a person is asked, and that is no error",
                  asked.get("status") == "PENDING_APPROVAL" and not received.is_error, received.text)
    request = asked.get("approval", {}).get("id", "")
    session.check("the model has the request's id", request.startswith("apr_"), received.text)
    session.check("and is told whom to tell", "approve" in asked.get("next_step", ""), received.text)
    session.check("nothing was queued", session.world.queue() == [], session.world.queue())
    for name in APPROVALS:
        received = yield Call(PILOT, name, {"approval_id": request, "id": request, "confirm": True, "reason": "yes"})
        session.check(f"the client knows no tool {name}", not received.json().get("status"), received.text)
    # Saying yes louder is not saying yes: a member that the tool does not have is refused as one.
    received = yield Call(PILOT, ENQUEUE, apply(body, approved_by="dana"))
    session.refused(received, "ARGUMENTS_INVALID")
    received = yield Call(PILOT, ENQUEUE, apply(body))
    again = received.json()
    session.check("asking again is the same request", again.get("approval", {}).get("id") == request
                  and again.get("approval", {}).get("has") == 0, received.text)
    session.request = request
    return f"A person must approve {request} in the console."


def copies(session):
    """The fixture gives other words in each copy of its answer, so that it shows which one a client hands on."""
    for outcome in ("success", "error"):
        received = yield Call("fixture", "two_copies", {"outcome": outcome})
        wanted = session.client.copies[outcome]
        handed = [copy for copy in ("text", "structuredContent") if f"this is {copy}" in received.text]
        session.check(f"on {outcome} the model is handed {wanted}", handed == [wanted], received.text)
    return "Both copies were looked at."


def resources(session):
    """The client's own tools for resources, over ours."""
    received = yield Call(None, "list", {"server": READ_ONLY})
    session.check("the model sees the resources", "cortexpilot://runs/run_ok" in received.text, received.text)
    received = yield Call(None, "read", {"server": READ_ONLY, "uri": "cortexpilot://runs/run_ok"})
    session.check("and reads one", "task_run_ok" in received.text, received.text)
    received = yield Call(None, "read", {"server": READ_ONLY, "uri": "cortexpilot://runs/run_ok/events"})
    session.check("and what a template leads to", "RUN_FINISHED" in received.text, received.text)
    received = yield Call(None, "read", {"server": READ_ONLY, "uri": "cortexpilot://runs/missing"})
    session.check("of one that does not exist the model reads that there is none",
                  any(words in received.text.lower() for words in ("no run", "not found")), received.text)
    return "The run was read as a resource."


SCENARIOS = [
    Scenario(1, "inspect a run", inspect, servers=(READ_ONLY,)),
    Scenario(2, "preview with the gate shut", preview),
    Scenario(3, "apply with the gate shut", gate_shut),
    Scenario(4, "apply in a role not held", wrong_role, gate=True, roles="OPS"),
    Scenario(5, "apply a stale preview", stale_preview, gate=True, lines=1),
    Scenario(6, "apply when open", declared, gate=True, lines=1),
    Scenario(7, "ask a person, and try to approve", operator_asked, servers=(READ_ONLY, PILOT), gate=True,
             policy="operator"),
    Scenario(8, "which copy of an answer", copies, servers=("fixture",), fixture=True),
    Scenario(9, "read resources", resources, servers=(READ_ONLY,)),
]
