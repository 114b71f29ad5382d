"""Records every message between a client and a server, and validates each against the protocol's JSON schema.

Standard input and output: the client starts this file in the server's place,

    python3 tests/clients/wire.py LOG PROGRAM ARGUMENT…

and it hands every line on and writes it to LOG. HTTP: `Relay` stands between the two on a loopback port of its own. It
hands on bytes as they come, both ways, streams and early ends included; it can put an `Authorization` header into the
requests of a client that can send none. `validate` reads what either kept.
"""

import asyncio
import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

SCHEMAS = Path(__file__).parent / "schema"
OLDEST, NEWEST = "2025-03-26", "2026-07-28"
VERSION = "io.modelcontextprotocol/protocolVersion"


# ---- standard input and output ------------------------------------------------------------------------------------


def tee(log, command):
    """Runs the server as a child and hands its lines on. Ends as the child ends."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: child.terminate())
    record = open(log, "ab", buffering=0)
    lock = threading.Lock()

    def pump(source, sink, who):
        rest = b""
        while chunk := os.read(source, 1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            with lock:
                for line in lines:
                    record.write(json.dumps({"from": who, "text": line.decode("utf-8", "replace")}).encode() + b"\n")
            try:
                view = memoryview(chunk)
                while view:
                    view = view[os.write(sink, view):]
            except BrokenPipeError:
                return

    def client_to_server():
        pump(0, child.stdin.fileno(), "client")
        child.stdin.close()

    threading.Thread(target=client_to_server, daemon=True).start()
    pump(child.stdout.fileno(), 1, "server")
    os._exit(child.wait())


def read_lines(log):
    """The exchanges of a recorded standard stream: one connection, in order."""
    path = Path(log)
    if not path.exists():
        return []
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [[(entry["from"], entry["text"], None) for entry in entries]]


# ---- HTTP ---------------------------------------------------------------------------------------------------------


class Relay:
    """A byte relay before one HTTP server, on a port of its own, in a thread of its own.

    `Host` and `Origin` are handed on as they came, but for the relay's own address, which becomes the server's: the
    server judges what the client sent, not where the relay stands.
    """

    def __init__(self, host, port, headers=()):
        self.upstream, self.headers = (host, port), list(headers)
        self.exchanges = []
        self._loop = asyncio.new_event_loop()
        started = threading.Event()

        def run():
            asyncio.set_event_loop(self._loop)
            server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0))
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        started.wait()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self):
        async def end():
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            self._loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self._loop)
        self._thread.join(5)

    async def _connection(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.upstream)
        except OSError:
            writer.close()
            return
        sent, answered = [], bytearray()
        exchange = {"requests": sent, "responses": answered}
        self.exchanges.append(exchange)
        requests = asyncio.create_task(self._requests(reader, up_writer, sent))
        responses = asyncio.create_task(self._responses(up_reader, writer, answered))
        try:
            # Whichever side ends first ends the connection: a client that goes away is seen by the server, at once.
            await asyncio.wait({requests, responses}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the relay closes
        finally:
            for task in (requests, responses):
                task.cancel()
            await asyncio.gather(requests, responses, return_exceptions=True)
            for end in (writer, up_writer):
                end.close()

    async def _requests(self, reader, writer, sent):
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            lines = head.decode("latin-1").split("\r\n")[:-2]
            fields = [line.partition(":")[::2] for line in lines[1:]]
            named = {name.lower(): value.strip() for name, value in fields}
            body = b""
            if "content-length" in named:
                body = await reader.readexactly(int(named["content-length"]))
                framed = body
            elif "chunked" in named.get("transfer-encoding", ""):
                body, framed = await read_chunks(reader)
            else:
                framed = b""
            sent.append((lines[0].split(" ")[0], named, body))
            out = [lines[0]]
            for name, value in fields:
                if name.lower() in ("host", "origin"):
                    value = re.sub(rf"(127\.0\.0\.1|localhost):{self.port}\b", rf"\1:{self.upstream[1]}", value)
                out.append(f"{name}:{value}")
            out += [f"{name}: {value}" for name, value in self.headers if name.lower() not in named]
            writer.write("\r\n".join(out).encode("latin-1") + b"\r\n\r\n" + framed)
            await writer.drain()

    async def _responses(self, reader, writer, answered):
        while chunk := await reader.read(1 << 16):
            answered += chunk
            writer.write(chunk)
            await writer.drain()

    def recorded(self):
        """Every POST with its messages: one exchange a connection, in order. A list of (who, text, version header)."""
        return [messages(exchange["requests"], bytes(exchange["responses"])) for exchange in self.exchanges]


async def read_chunks(reader):
    body, framed = b"", b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        part = await reader.readexactly(size + 2)
        body, framed = body + part[:-2], framed + line + part
        if size == 0:
            return body, framed


def messages(requests, responses):
    """Pairs the requests of a connection with its answers (HTTP/1.1 answers in order) and gives their messages."""
    out = []
    for method, named, body in requests:
        version = named.get("mcp-protocol-version")
        if method == "POST" and body:
            out.append(("client", body.decode("utf-8", "replace"), version))
        status, fields, content, responses = one_response(responses, method)
        if status is None:
            continue
        kind = fields.get("content-type", "")
        if kind.startswith("text/event-stream"):
            out += [("server", text, version) for text in events(content.decode("utf-8", "replace"))]
        elif kind.startswith("application/json") and content and b'"jsonrpc"' in content:
            out.append(("server", content.decode("utf-8", "replace"), version))
    return out


def one_response(raw, method):
    head, found, rest = raw.partition(b"\r\n\r\n")
    if not found:
        return None, {}, b"", b""
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if status < 200:
        return one_response(rest, method)
    if method == "HEAD" or status in (204, 304):
        return status, fields, b"", rest
    if "chunked" in fields.get("transfer-encoding", ""):
        body = b""
        while True:
            size, found, rest = rest.partition(b"\r\n")
            if not found or not size:
                return status, fields, body, b""
            length = int(size.split(b";")[0], 16)
            body, rest = body + rest[:length], rest[length + 2:]
            if length == 0:
                return status, fields, body, rest
    length = int(fields.get("content-length", len(rest)))
    return status, fields, rest[:length], rest[length:]


def events(text):
    """The data of each event of a stream that has any."""
    for block in re.split(r"\r?\n\r?\n", text):
        data = [line[5:].removeprefix(" ") for line in block.splitlines() if line.startswith("data:")]
        if "".join(data).strip():
            yield "\n".join(data)


# ---- validation ---------------------------------------------------------------------------------------------------


@functools.cache
def schema(version):
    """The protocol's schema of a version with what is needed to look things up in it."""
    import jsonschema

    known = sorted(path.stem for path in SCHEMAS.glob("*.json"))
    version = version if version in known else OLDEST
    document = json.loads((SCHEMAS / f"{version}.json").read_text())
    key = "$defs" if "$defs" in document else "definitions"
    definitions = document[key]
    if "NumberSchema" in definitions:
        # The published schemas of 2025-06-18 and 2025-11-25 say "integer" for the bounds and default of a number.
        for member in ("minimum", "maximum", "default"):
            if definitions["NumberSchema"]["properties"].get(member, {}).get("type") == "integer":
                definitions["NumberSchema"]["properties"][member]["type"] = "number"
    by_method = {}
    for name, definition in definitions.items():
        method = definition.get("properties", {}).get("method", {}).get("const")
        if method:
            by_method[method] = name
    kind = jsonschema.Draft202012Validator if "2020-12" in document["$schema"] else jsonschema.Draft7Validator

    @functools.cache
    def validator(name):
        return kind({"$ref": f"#/{key}/{name}", key: definitions, "$schema": document["$schema"]})

    return definitions, by_method, validator


def first(definitions, *names):
    return next(name for name in names if name in definitions)


def check(message, version, asked):
    """What is wrong with a message by the schema of a version; `None` when nothing is. `asked`: the method of the
    request that a response answers."""
    definitions, by_method, validator = schema(version)
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return "is no JSON-RPC 2.0 object"

    def against(name, value):
        error = next(iter(validator(name).iter_errors(value)), None)
        return error and f"is no {name}: {error.json_path}: {error.message[:300]}"

    if isinstance(message.get("method"), str):
        plain = "JSONRPCRequest" if "id" in message else "JSONRPCNotification"
        return against(plain, message) or against(by_method.get(message["method"], plain), message)
    if "error" in message:
        return against(first(definitions, "JSONRPCErrorResponse", "JSONRPCError"), message)
    wrong = against(first(definitions, "JSONRPCResultResponse", "JSONRPCResponse"), message)
    if wrong:
        return wrong
    result = message.get("result")
    if isinstance(result, dict) and result.get("resultType") == "input_required":
        return against("InputRequiredResult", result)
    request = by_method.get(asked or "")
    wanted = request and request.removesuffix("Request") + "Result"
    return against(wanted if wanted in definitions else "Result", result)


def validate(exchanges):
    """Every recorded message against the schema of its version. Gives the number of messages and what is wrong."""
    count, problems, seen = 0, [], set()
    for exchange in exchanges:
        negotiated, asked = None, {}
        for who, text, header in exchange:
            if not text.strip():
                continue
            count += 1
            try:
                message = json.loads(text)
            except ValueError as error:
                problems.append(f"{who} sent what is no JSON ({error}): {text[:200]}")
                continue
            object_ = message if isinstance(message, dict) else {}
            params = object_.get("params") if isinstance(object_.get("params"), dict) else {}
            result = object_.get("result") if isinstance(object_.get("result"), dict) else {}
            key = (who, json.dumps(object_.get("id")))
            version, method = None, None
            if "method" in object_:
                version = (params.get("_meta") or {}).get(VERSION)
                if object_["method"] == "initialize":
                    version = params.get("protocolVersion")
                if "id" in object_:
                    asked[key] = (object_["method"], version or header or negotiated)
            else:
                other = ("client" if who == "server" else "server", key[1])
                method, version = asked.pop(other, (None, None))
                if method == "initialize" and "protocolVersion" in result:
                    negotiated = version = result["protocolVersion"]
            version = version or header or negotiated or NEWEST
            wrong = check(message, version, method)
            if wrong and (who, version, wrong) not in seen:
                seen.add((who, version, wrong))
                shown = text if len(text) < 700 else text[:700] + "…"
                problems.append(f"{who}'s message ({version}, {object_.get('method') or method}) {wrong}\n    {shown}")
    return count, problems


def known_to_be_wrong():
    """What the validator must refuse, and whether it does: a validator that finds nothing shows nothing. Each case is an
    exchange that is right but for one message."""
    meta = {VERSION: NEWEST, "io.modelcontextprotocol/clientCapabilities": {}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t", "_meta": meta}}
    right = {"jsonrpc": "2.0", "id": 1, "result": {"content": [], "resultType": "complete"}}
    hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}}
    welcome = {"jsonrpc": "2.0", "id": 0, "result": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}}
    old = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    listed = {"jsonrpc": "2.0", "id": 2, "result": {"tools": []}}
    note = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "a://b"}}

    def refuses(*messages):
        who = ["client" if "method" in message and "id" in message else "server" for message in messages]
        return bool(validate([[(side, json.dumps(message), None) for side, message in zip(who, messages)]])[1])

    if refuses(call, right) or refuses(hello, welcome, old, listed, note):
        yield "nothing of a right exchange", False
    yield "a result without its type in 2026-07-28", refuses(call, {**right, "result": {"content": []}})
    yield "content that is no list", refuses(call, {**right, "result": {**right["result"], "content": "x"}})
    yield "a request without a tool's name", refuses({**call, "params": {"_meta": meta}}, right)
    yield "a handshake without a server's name", refuses(hello, {**welcome, "result": {**welcome["result"], "serverInfo": {}}})
    yield "a list without its tools, by the version agreed on", refuses(hello, welcome, old, {**listed, "result": {}})
    yield "a notification without its address", refuses({**note, "params": {}})
    yield "an error without a code", refuses({"jsonrpc": "2.0", "id": 1, "error": {"message": "x"}})
    yield "an id that is null", refuses({**call, "id": None}, right)
    yield "another JSON-RPC", refuses({**note, "jsonrpc": "1.0"})


if __name__ == "__main__":
    tee(sys.argv[1], sys.argv[2:])
