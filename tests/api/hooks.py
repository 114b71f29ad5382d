"""What Schemathesis is told beside the document."""

import os

import schemathesis

#: What switches a stream's waiting for more off, in the spellings that are read, and what is refused anyway.
STREAMS = {"run_events_stream", "queue_stream", "decisions_stream"}
WAITS = {"", "true", "1", "yes", "on", "t", "y"}


def name_of(case):
    return case.operation.definition.raw.get("operationId", case.operation.label)


@schemathesis.hook
def before_call(context, case, kwargs):
    """A stream is asked for what is there: one that waits for what may come does not end."""
    if name_of(case) in STREAMS and str((case.query or {}).get("follow", "")).strip().lower() in WAITS:
        case.query = {**(case.query or {}), "follow": "false"}


@schemathesis.hook
def after_call(context, case, response):
    """What every request was answered with is written down."""
    with open(os.environ["API_CALLS"], "a", encoding="utf-8") as calls:
        calls.write(f"{name_of(case)} {case.method} {response.status_code}\n")
