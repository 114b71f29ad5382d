"""A model on loopback that follows a script: Anthropic's Messages API for Claude Code, OpenAI's Responses API for Codex.

The script is a generator: it yields the calls it wants (`Call`), is sent what the client handed back for each (`Received`),
and ends with the text of the last turn. Everything that a client sends is kept, so that a test can say what a model at
the other end would have read, and not only what the server wrote.
"""

import json
import re
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


# The clients' own tools for resources.
CLAUDE_RESOURCES = {"list": "ListMcpResourcesTool", "read": "ReadMcpResourceTool"}
CODEX_RESOURCES = {"list": "list_mcp_resources", "read": "read_mcp_resource"}


@dataclass
class Call:
    """One tool call of the model: the server as the client's configuration names it, the tool, the arguments. Without a
    server it is one of the client's own tools for resources, which each client names in its own way."""

    server: str | None
    tool: str
    arguments: dict


@dataclass
class Received:
    """What the model was handed for its call, as the client wrote it."""

    call: Call
    text: str
    is_error: bool | None
    raw: object

    def json(self):
        """The first JSON object of the text, wherever a client put words before or behind it; else an empty one."""
        start = self.text.find("{")
        while start >= 0:
            try:
                return json.JSONDecoder().raw_decode(self.text[start:])[0]
            except json.JSONDecodeError:
                start = self.text.find("{", start + 1)
        return {}


class Model:
    """The script's state, and what came. A client may ask other things beside the conversation (titles, quotas): those are answered
    with a word and never move the script."""

    def __init__(self, script):
        self.script = script
        self.lock = threading.Lock()
        self.turns = 0
        self.tools = {}
        self.received = []
        self.asides = []
        self.problems = []
        self.paths = []
        self.told = ""
        self.strange, self.outside = [], []
        self.pending = None
        self.finished = None
        self.started = False

    def conversation(self, tools, results, naming):
        """The next action of the script: `("call", name…, Call)` or `("say", text)`.

        `results` maps call ids to (text, is_error, raw); `naming` finds the client's name for a call's tool.
        """
        with self.lock:
            self.turns += 1
            self.tools = tools
            if self.finished is not None:
                return "say", self.finished
            try:
                if not self.started:
                    self.started = True
                    call = next(self.script)
                else:
                    call_id, call = self.pending
                    if call_id not in results:
                        # The client asks again without an answer to our call: a retry of the same request.
                        return "call", call_id, naming(call), call
                    text, is_error, raw = results[call_id]
                    received = Received(call, text, is_error, raw)
                    self.received.append(received)
                    call = self.script.send(received)
            except StopIteration as end:
                self.finished = end.value or "Done."
                return "say", self.finished
            except Exception as error:  # an assertion of the script: the conversation ends, the test goes red
                self.problems.append(f"{type(error).__name__}: {error}")
                self.finished = "The script failed."
                return "say", self.finished
            call_id = f"call_{self.turns:02d}"
            self.pending = (call_id, call)
            return "call", call_id, naming(call), call


def serve(model, log=None):
    """Starts the model on a free port; gives the server (its `server_address` holds the port)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.plain(200, {})

        def do_GET(self):
            model.paths.append(f"GET {self.path}")
            self.plain(200, {"data": [], "models": [], "has_more": False})

        def do_POST(self):
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length)
            path = self.path.split("?")[0]
            model.paths.append(f"POST {path}")
            try:
                body = json.loads(raw)
            except ValueError:
                model.problems.append(f"POST {path} with a body that is no JSON")
                return self.plain(400, {"error": {"message": "not JSON"}})
            if log:
                log(path, body)
            if path.endswith("/v1/messages"):
                messages(self, model, body)
            elif path.endswith("/v1/messages/count_tokens"):
                self.plain(200, {"input_tokens": 1000})
            elif path.endswith("/v1/responses"):
                responses(self, model, body)
            else:
                model.strange.append(f"POST {path}")
                self.plain(404, {"type": "error", "error": {"type": "not_found_error", "message": path}})

        def do_CONNECT(self):
            # Clients are told that this is their proxy: a connection to anywhere else arrives here, and ends here.
            model.outside.append(self.path)
            self.plain(403, {})

        def plain(self, status, body):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def stream(self, events):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for event in events:
                self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
            self.close_connection = True

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            """A client that goes away in the middle of a connection is its own affair; anything else is ours."""
            error = sys.exc_info()[1]
            if not isinstance(error, ConnectionError):
                model.problems.append(f"{type(error).__name__}: {error}")

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


# ── Anthropic's Messages API ────────────────────────────────────────────────────────────────────────────────────────


def text_of(content):
    """The text that a model reads in a content of either API: a string, or blocks of which some are text."""
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", json.dumps(block)) for block in content or [])


def messages(handler, model, body):
    tools = {tool["name"]: tool for tool in body.get("tools") or []}
    ours = {name: tool for name, tool in tools.items() if name.startswith("mcp__")}
    named = sorted(set(re.findall(r"mcp__[A-Za-z0-9_-]+", json.dumps(body["messages"]))))
    named += [name for name in CLAUDE_RESOURCES.values() if name in json.dumps(body["messages"])]
    if not ours and named and "ToolSearch" in tools:
        # Claude Code shows the names of MCP tools alone; a model loads what it needs with this tool of the client's.
        load = {"type": "tool_use", "id": "call_load", "name": "ToolSearch", "input": {"query": "select:" + ",".join(named)}}
        return answer_messages(handler, body, [load], "tool_use")
    if not ours:
        model.asides.append(body)
        return answer_messages(handler, body, [{"type": "text", "text": "ok"}], "end_turn")
    model.told = json.dumps([body.get("system"), body["messages"], list(ours.values())], ensure_ascii=False)
    results = {}
    for message in body["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else []:
            if block.get("type") == "tool_result":
                raw = {key: block[key] for key in block if key != "cache_control"}
                results[block["tool_use_id"]] = (text_of(block.get("content")), bool(block.get("is_error")), raw)

    def naming(call):
        return f"mcp__{call.server}__{call.tool}" if call.server else CLAUDE_RESOURCES[call.tool]

    action = model.conversation(ours, results, naming)
    if action[0] == "say":
        return answer_messages(handler, body, [{"type": "text", "text": action[1]}], "end_turn")
    _, call_id, name, call = action
    return answer_messages(
        handler, body, [{"type": "tool_use", "id": call_id, "name": name, "input": call.arguments}], "tool_use")


def answer_messages(handler, body, blocks, stop):
    usage = {"input_tokens": 10, "output_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    head = {"id": "msg_script", "type": "message", "role": "assistant", "model": body.get("model", "scripted"),
            "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    if not body.get("stream"):
        return handler.plain(200, {**head, "content": blocks, "stop_reason": stop})
    events = [{"type": "message_start", "message": head}]
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            start, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            start, delta = {**block, "input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        events += [{"type": "content_block_start", "index": index, "content_block": start},
                   {"type": "content_block_delta", "index": index, "delta": delta},
                   {"type": "content_block_stop", "index": index}]
    events += [{"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage},
               {"type": "message_stop"}]
    return handler.stream(events)


# ── OpenAI's Responses API ──────────────────────────────────────────────────────────────────────────────────────────


def responses(handler, model, body):
    tools = {}
    for tool in body.get("tools") or []:
        if tool.get("type") == "namespace":
            for inner in tool.get("tools") or []:
                tools[(tool["name"], inner["name"])] = inner
        elif tool.get("type") == "function":
            tools[("", tool["name"])] = tool
    ours = {key: tool for key, tool in tools.items() if "mcp__" in "".join(key)}
    if not ours:
        model.asides.append(body)
        return answer_responses(handler, [message_item("ok")])
    model.told = json.dumps([body.get("instructions"), body.get("input"), body["tools"]], ensure_ascii=False)
    results = {}
    for item in body.get("input") or []:
        if item.get("type") == "function_call_output":
            output = item.get("output")
            results[item["call_id"]] = (text_of(output), None, {key: item[key] for key in ("type", "output")})

    def naming(call):
        if not call.server:
            return "", CODEX_RESOURCES[call.tool]
        for namespace, name in ours:
            # Codex writes the server's name with underscores.
            if (namespace + name).replace("-", "_").startswith(f"mcp__{call.server}".replace("-", "_")) \
                    and name.endswith(call.tool):
                return namespace, name
        return "", f"mcp__{call.server}__{call.tool}"

    named = {f"{namespace}__{name}" if namespace else name: tool for (namespace, name), tool in ours.items()}
    action = model.conversation(named, results, naming)
    if action[0] == "say":
        return answer_responses(handler, [message_item(action[1])])
    _, call_id, (namespace, name), call = action
    item = {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name,
            "arguments": json.dumps(call.arguments), "status": "completed"}
    if namespace:
        item["namespace"] = namespace
    return answer_responses(handler, [item])


def message_item(text):
    return {"type": "message", "id": "msg_script", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]}


def answer_responses(handler, items):
    response = {"id": "resp_script", "object": "response", "status": "in_progress", "output": []}
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 10,
             "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 20}
    events = [{"type": "response.created", "response": response}]
    for index, item in enumerate(items):
        events += [{"type": "response.output_item.added", "output_index": index, "item": item},
                   {"type": "response.output_item.done", "output_index": index, "item": item}]
    events.append({"type": "response.completed",
                   "response": {**response, "status": "completed", "output": items, "usage": usage}})
    return handler.stream(events)
