"""Keeps what a conversation left: the messages between client and server, what the model called and received, and the
ledgers; with whatever differs from run to run replaced by a name, so that running it again makes a small difference."""

import getpass
import json
import re

from world import HERE

# What differs from run to run, and the name it gets. Numbered names keep apart what is apart: `<id-2>` is the second one
# of a conversation wherever it stands.
CHANGING = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", "time", False),
    (r"\bapr_[0-9a-z]+", "approval", True),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "uuid", True),
    (r"\b[0-9a-f]{64}\b", "sha256", True),
    (r"\b[0-9a-f]{32}\b", "id", True),
    (r"127\.0\.0\.1:\d+", "address", False),
    (r"(?<=Wall time: )[\d.]+(?= seconds)", "some", False),
]

# The run directories that every conversation starts with were made then: these times are part of the input.
FIXED = "2026-03-01T"

# Members whose value is sealed or drawn anew each time, by name.
DRAWN = {"preview_token", "requestState", "progressToken", "turn_started_at_unix_ms", "token_id"}


class Names:
    """Gives each changing value of one conversation its name."""

    def __init__(self, world, binary):
        self.known, self.counts = {}, {}
        self.places = [(str(world.home), "<home>"), (binary, "cortexpilot"), (str(HERE.parent.parent), "<repository>"),
                       (f"agent:{getpass.getuser()}", "agent:<user>")]

    def name(self, kind, value, numbered=True):
        if not numbered:
            return f"<{kind}>"
        if value not in self.known:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.known[value] = f"<{kind}-{self.counts[kind]}>"
        return self.known[value]

    def text(self, text):
        for place, name in self.places:
            text = text.replace(place, name)
        for value, name in self.known.items():
            # Whole texts that were drawn are found inside others; a number or a word that was drawn is not looked for.
            if isinstance(value, str) and len(value) >= 20:
                text = text.replace(value, name)
        for pattern, kind, numbered in CHANGING:
            text = re.sub(pattern, lambda found: found[0] if found[0].startswith(FIXED)
                          else self.name(kind, found[0], numbered), text)
        return text

    def value(self, value, key=""):
        if isinstance(value, dict):
            return {inner: self.value(item, inner) for inner, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, key) for item in value]
        if key in DRAWN and value is not None:
            return self.name(key.replace("_", "-"), value)
        return self.text(value) if isinstance(value, str) else value


def message(text):
    """A message as it is kept: tool lists by name (the golden files hold them whole), the second copy of an answer said."""
    try:
        body = json.loads(text)
    except ValueError:
        return text
    result = body.get("result") if isinstance(body, dict) else None
    if isinstance(result, dict):
        if isinstance(result.get("tools"), list):
            result["tools"] = [tool["name"] for tool in result["tools"]]
        for block in result.get("content") or []:
            if block.get("type") == "text" and "structuredContent" in result and as_json(block["text"]) == result["structuredContent"]:
                block["text"] = "<the JSON of structuredContent>"
    return body


def requests(exchanges):
    """Each request over HTTP with what answers it, in an order of ours. Which of a client's connections a request takes,
    and in which order it asks for lists at the start, is chance; calls of tools come one after the other."""
    pairs = []
    for exchange in exchanges:
        for who, text, version in exchange:
            if who == "client":
                pairs.append([(who, text, version)])
            elif pairs:
                pairs[-1].append((who, text, version))

    def order(pair):
        body = as_json(pair[0][1]) or {}
        if body.get("method") == "tools/call":
            return 1, body["id"], "", ""
        return 0, 0, body.get("method", ""), without_id(pair[-1][1])

    def plain(pair):
        return pair if order(pair)[0] else [(who, without_id(text), version) for who, text, version in pair]

    return [plain(pair) for pair in sorted(pairs, key=order)]


def answered(exchange):
    """A stream with the answer to each request for a list right behind it: several are under way at the start, and which
    is answered first is chance."""
    asked, lines = {}, []
    for who, text, version in exchange:
        body = as_json(text)
        body = body if isinstance(body, dict) else {}
        key = json.dumps(body.get("id"))
        if who == "client" and "id" in body and body.get("method") != "tools/call" and "method" in body:
            asked[key] = [(who, text, version)]
            lines.append(asked[key])
        elif who == "server" and "method" not in body and key in asked:
            asked.pop(key).append((who, text, version))
        else:
            lines.append([(who, text, version)])
    return [line for group in lines for line in group]


def without_id(text):
    """A message with a name for its id, which says in which order a client got round to it."""
    body = as_json(text)
    return json.dumps({**body, "id": "<id>"}, ensure_ascii=False) if isinstance(body, dict) and "id" in body else text


def structured(text):
    """The structured content of a successful answer."""
    result = (as_json(text) or {}).get("result")
    return result.get("structuredContent") if isinstance(result, dict) and not result.get("isError") else None


def shortened(raw, body, answers):
    """What the model was handed, with an answer that stands whole in the wire's part said and not repeated. Refusals
    are kept word by word: they are what this is about."""
    if not body or body not in answers:
        return raw

    def without(value):
        start = value.find("{") if isinstance(value, str) else -1
        if start < 0 or as_json(value[start:]) != body:
            return value
        return value[:start] + "<the JSON of structuredContent>"

    return {key: without(value) for key, value in raw.items()}


def as_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def conversation(client, scenario, transport, world, model, session, exchanges):
    """The lines of one conversation, and the tools as the model was shown them."""
    names = Names(world, world.binary)
    lines = []
    exchanges = requests(exchanges) if transport == "http" else [answered(exchange) for exchange in exchanges]
    for number, exchange in enumerate(exchanges, 1):
        for who, text, _ in exchange:
            if text.strip():
                lines.append({"wire": number, "from": who, "message": names.value(message(text))})
    answers = [answer for exchange in exchanges for who, text, _ in exchange
               if who == "server" and (answer := structured(text)) is not None]
    for received in model.received:
        lines.append({"model": "called", "tool": f"{received.call.server or 'client'}: {received.call.tool}",
                      "arguments": names.value(received.call.arguments)})
        raw = {key: value for key, value in received.raw.items() if key not in ("type", "tool_use_id")}
        lines.append({"model": "received", **names.value(shortened(raw, received.json(), answers))})
    if not scenario.fixture:
        for ledger, events in (("queue.jsonl", world.queue()), ("decisions.jsonl", world.decisions())):
            lines += [{"ledger": ledger, "event": names.value(event)} for event in events]
    slug = re.sub(r"[^a-z]+", "-", scenario.name)
    return {
        "client": client.name,
        "path": f"{client.name}/{scenario.number}-{slug}.{transport}.jsonl",
        "lines": lines,
        "tools": {} if scenario.fixture else names.value(model.tools),
        "protocol": sorted(spoken(exchanges)),
        "transport": transport,
    }


def spoken(exchanges):
    """The protocol versions that were agreed on: the answer to `initialize`, or what the requests carry."""
    for exchange in exchanges:
        for who, text, _ in exchange:
            body = as_json(text) or {}
            result = body.get("result") if isinstance(body.get("result"), dict) else {}
            params = body.get("params") if isinstance(body.get("params"), dict) else {}
            if who == "server" and "protocolVersion" in result:
                yield result["protocolVersion"]
            if who == "client" and body.get("method") == "tools/call":
                version = (params.get("_meta") or {}).get("io.modelcontextprotocol/protocolVersion")
                if version:
                    yield version


def write(home, kept):
    """Writes what was kept, and what each client is and speaks. Other files of the directory stay as they are."""
    home.mkdir(parents=True, exist_ok=True)
    versions_file = home / "versions.json"
    versions = json.loads(versions_file.read_text()) if versions_file.exists() else {}
    tools = {}
    for version, record in kept:
        path = home / record["path"]
        path.parent.mkdir(exist_ok=True)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in record["lines"])
        if "cpt_" in text:
            raise RuntimeError(f"{record['path']} would hold a token")
        path.write_text(text)
        tools.setdefault(record["client"], {}).update(record["tools"])
        if record["tools"]:
            entry = versions.setdefault(record["client"], {})
            entry["version"] = version
            spoken = entry.setdefault("protocol", {})
            spoken[record["transport"]] = sorted({*spoken.get(record["transport"], []), *record["protocol"]})
    for client, shown in tools.items():
        text = json.dumps(dict(sorted(shown.items())), ensure_ascii=False, indent=1)
        (home / client / "tools.json").write_text(text + "\n")
    versions_file.write_text(json.dumps(dict(sorted(versions.items())), indent=2) + "\n")
