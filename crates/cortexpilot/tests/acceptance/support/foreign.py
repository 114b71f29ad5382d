"""Reads a runtime root with nothing but Python's own library, and says what is wrong with it.

Standard input: {"root": DIRECTORY, "acknowledged": [[EVENT, QUEUE_ID], ...]}. Standard output: {"problems": [...],
"counts": {...}}. It knows the format from its description alone: lines, the chain over them, and what may follow what.
"""
import hashlib
import json
import os
import sys

asked = json.load(sys.stdin)
problems, counts = [], {}


def lines(name):
    path = os.path.join(asked["root"], name)
    data = open(path, "rb").read() if os.path.exists(path) else b""
    if data and not data.endswith(b"\n"):
        problems.append(f"{name}: the last line has no newline")
    previous, found, last_ts = "0" * 64, [], ""
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        body, mark, tail = line.rpartition(b', "h": "')
        if not mark or tail[64:] != b'"}' or len(tail) != 66:
            problems.append(f"{name}: line {number} ends with no hash")
            return found
        previous = hashlib.sha256(previous.encode() + body).hexdigest()
        if previous.encode() != tail[:64]:
            problems.append(f"{name}: line {number} does not continue the chain")
            return found
        try:
            event = json.loads(line)
        except ValueError as error:
            problems.append(f"{name}: line {number} is no JSON: {error}")
            return found
        if event["ts"] < last_ts:
            problems.append(f"{name}: line {number} is older than the one before it")
        last_ts = event["ts"]
        found.append(event)
    counts[name] = len(found)
    return found


# What an event needs to be there already, and what it makes of it.
STEPS = {
    "QUEUE_ENQUEUE": (None, "PENDING"),
    "QUEUE_CANCEL": ("PENDING", "CANCELLED"),
    "QUEUE_CLAIM": ("PENDING", "CLAIMED"),
    "QUEUE_DONE": ("CLAIMED", "DONE"),
}
state, contract, seen = {}, {}, {}
for event in lines("queue.jsonl"):
    kind, queue_id = event["event"], event.get("queue_id", "")
    if kind not in STEPS:
        problems.append(f"the event {kind} is not known")
        continue
    before, after = STEPS[kind]
    if state.get(queue_id) != before:
        problems.append(f"{kind} of {queue_id}, which is {state.get(queue_id)}")
    state[queue_id] = after
    if kind == "QUEUE_ENQUEUE":
        contract[queue_id] = event["contract_sha256"]
    seen[(kind, queue_id)] = seen.get((kind, queue_id), 0) + 1
lines("decisions.jsonl")

for kind, queue_id in asked["acknowledged"]:
    if seen.get((kind, queue_id)) != 1:
        problems.append(f"{kind} of {queue_id} was acknowledged, and stands {seen.get((kind, queue_id), 0)} times")
for queue_id in (one for one, now in state.items() if now in ("PENDING", "CLAIMED")):
    path = os.path.join(asked["root"], "contracts", contract[queue_id] + ".json")
    if not os.path.exists(path) or hashlib.sha256(open(path, "rb").read()).hexdigest() != contract[queue_id]:
        problems.append(f"the contract of {queue_id} is not what was approved")
counts["items"] = len(state)
json.dump({"problems": problems, "counts": counts}, sys.stdout)
