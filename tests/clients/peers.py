"""The clients, each behind the same few verbs. What an SDK gives back in types of its own leaves here as plain JSON."""

import asyncio
import json
import warnings
from contextlib import asynccontextmanager

LEGACY = "legacy"
MODERN = "2026-07-28"


def plain(value):
    """An SDK's model as the JSON it stands for."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


class Peer:
    """A connected client. `asked` holds the messages of the forms that it was shown; it says yes to all of them, with
    nobody at the keyboard."""

    #: The ways this client can open a connection.
    modes = (LEGACY, "auto", MODERN)

    def __init__(self):
        self.asked, self.updated, self.era = [], asyncio.Queue(), None

    @staticmethod
    def expected_era(mode):
        """A client that may choose takes the newest protocol."""
        return LEGACY if mode == LEGACY else MODERN

    @classmethod
    def can_be_asked(cls, over, era):
        """Whether this client can be shown a form at all: not over HTTP by an older protocol without a session."""
        return over == "stdio" or era == MODERN

    @classmethod
    def can_subscribe(cls, over, era):
        return cls.can_be_asked(over, era)

    async def hears_of(self, uri, act):
        """Subscribes to a resource, lets something happen to it, and gives the addresses of what was heard."""
        await self.inner.subscribe_resource(uri)
        await asyncio.to_thread(act)
        heard = await asyncio.wait_for(self.updated.get(), 10)
        await self.inner.unsubscribe_resource(uri)
        return [heard]

    async def _all(self, verb, member):
        """Every page of a list."""
        out, cursor = [], None
        while True:
            page = plain(await verb(cursor))
            out += page[member]
            cursor = page.get("nextCursor")
            if cursor is None:
                return out

    async def elicited(self, _context, params):
        self.asked.append(params.message)
        return self.types.ElicitResult(action="accept", content={"confirm": True, "comment": "fine"})

    async def message(self, message):
        message = getattr(message, "root", message)
        if getattr(message, "method", None) == "notifications/resources/updated":
            self.updated.put_nowait(str(message.params.uri))


# ---- the official Python SDK --------------------------------------------------------------------------------------


class Python1(Peer):
    modes = (LEGACY,)

    @classmethod
    @asynccontextmanager
    async def connect(cls, target, mode):
        from mcp import ClientSession, StdioServerParameters, types
        from mcp.client.stdio import stdio_client
        from mcp.client.streamable_http import streamablehttp_client

        peer = cls()
        peer.types, peer.era = types, LEGACY
        if "command" in target:
            program, *arguments = target["command"]
            transport = stdio_client(StdioServerParameters(command=program, args=arguments, env=target["env"],
                                                           cwd=target["cwd"]))
        else:
            transport = streamablehttp_client(target["url"], headers=target["headers"])
        async with transport as (read, write, *_):
            async with ClientSession(read, write, elicitation_callback=peer.elicited,
                                     message_handler=peer.message) as peer.inner:
                await peer.inner.initialize()
                yield peer

    async def tools(self):
        return await self._all(lambda cursor: self.inner.list_tools(cursor), "tools")

    async def call(self, tool, arguments):
        result = plain(await self.inner.call_tool(tool, arguments))
        return bool(result.get("isError")), result["structuredContent"], [block["text"] for block in result["content"]]

    async def resources(self):
        return await self._all(lambda cursor: self.inner.list_resources(cursor), "resources")

    async def templates(self):
        return await self._all(lambda cursor: self.inner.list_resource_templates(cursor), "resourceTemplates")

    async def read(self, uri):
        return plain(await self.inner.read_resource(uri))["contents"]

    async def prompts(self):
        return await self._all(lambda cursor: self.inner.list_prompts(cursor), "prompts")

    async def prompt(self, name, arguments):
        return plain(await self.inner.get_prompt(name, arguments))["messages"]

    async def complete(self, ref, argument, value):
        kind = self.types.PromptReference if ref["type"] == "ref/prompt" else self.types.ResourceTemplateReference
        result = await self.inner.complete(kind(**ref), {"name": argument, "value": value})
        return plain(result)["completion"]["values"]


class Python2(Python1):
    modes = Peer.modes

    @classmethod
    @asynccontextmanager
    async def connect(cls, target, mode):
        import httpx2
        import mcp_types
        from mcp import Client, StdioServerParameters
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared.exceptions import MCPDeprecationWarning

        # The older protocol's verbs are what the older protocol is tested with.
        warnings.simplefilter("ignore", MCPDeprecationWarning)

        peer = cls()
        peer.types = mcp_types
        http = None
        if "command" in target:
            program, *arguments = target["command"]
            server = StdioServerParameters(command=program, args=arguments, env=target["env"], cwd=target["cwd"])
        else:
            http = httpx2.AsyncClient(headers=target["headers"], timeout=30)
            server = streamable_http_client(target["url"], http_client=http)
        try:
            async with Client(server, mode=mode, cache=None, elicitation_callback=peer.elicited,
                              message_handler=peer.message) as peer.inner:
                peer.era = MODERN if peer.inner.protocol_version == MODERN else LEGACY
                yield peer
        finally:
            if http:
                await http.aclose()

    async def tools(self):
        return await self._all(lambda cursor: self.inner.list_tools(cursor=cursor), "tools")

    async def resources(self):
        return await self._all(lambda cursor: self.inner.list_resources(cursor=cursor), "resources")

    async def templates(self):
        return await self._all(lambda cursor: self.inner.list_resource_templates(cursor=cursor), "resourceTemplates")

    async def prompts(self):
        return await self._all(lambda cursor: self.inner.list_prompts(cursor=cursor), "prompts")

    async def hears_of(self, uri, act):
        if self.era == LEGACY:
            return await super().hears_of(uri, act)
        async with self.inner.listen(resource_subscriptions=[uri]) as heard:
            # A listen begins with one update of each address: from then on it watches.
            await asyncio.wait_for(anext(heard), 10)
            await asyncio.to_thread(act)
            return [str((await asyncio.wait_for(anext(heard), 10)).uri)]


# ---- FastMCP ------------------------------------------------------------------------------------------------------


class FastMcp(Python2):
    @classmethod
    @asynccontextmanager
    async def connect(cls, target, mode):
        import mcp_types
        from fastmcp import Client
        from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

        peer = cls()
        peer.types = mcp_types
        if "command" in target:
            program, *arguments = target["command"]
            transport = StdioTransport(program, arguments, env=target["env"], cwd=target["cwd"], keep_alive=False)
        else:
            token = target["headers"].get("Authorization", "").removeprefix("Bearer ")
            transport = StreamableHttpTransport(target["url"], auth=token or None)

        async def form(message, _type, _params, _context):
            peer.asked.append(message)
            return {"confirm": True, "comment": "fine"}

        async with Client(transport, mode=mode, elicitation_handler=form, message_handler=peer.message) as peer.client:
            peer.inner = peer.client.session
            peer.era = MODERN if peer.inner.protocol_version == MODERN else LEGACY
            yield peer

    async def tools(self):
        return await self._all(lambda cursor: self.client.list_tools_mcp(cursor=cursor), "tools")

    async def call(self, tool, arguments):
        result = plain(await self.client.call_tool_mcp(tool, arguments))
        return bool(result.get("isError")), result["structuredContent"], [block["text"] for block in result["content"]]

    async def resources(self):
        return await self._all(lambda cursor: self.client.list_resources_mcp(cursor=cursor), "resources")

    async def templates(self):
        return await self._all(lambda cursor: self.client.list_resource_templates_mcp(cursor=cursor), "resourceTemplates")

    async def read(self, uri):
        return plain(await self.client.read_resource_mcp(uri))["contents"]

    async def prompts(self):
        return await self._all(lambda cursor: self.client.list_prompts_mcp(cursor=cursor), "prompts")

    async def prompt(self, name, arguments):
        return plain(await self.client.get_prompt_mcp(name, arguments))["messages"]

    @classmethod
    def can_subscribe(cls, over, era):
        """FastMCP has no verb of its own for the newer protocol's subscriptions."""
        return over == "stdio" and era == LEGACY


# ---- the TypeScript SDKs ------------------------------------------------------------------------------------------


class TypeScript(Peer):
    """A node program that carries out one verb a line; see `node/bridge.mjs`."""

    sdk = ""

    @classmethod
    @asynccontextmanager
    async def connect(cls, target, mode):
        peer = cls()
        peer.replies, peer.last = {}, 0
        # One line may hold a whole list with its schemas.
        process = await asyncio.create_subprocess_exec(*cls.node, f"{cls.home}/{cls.sdk}.mjs", limit=1 << 24,
                                                       stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        peer.process = process
        reader = asyncio.create_task(peer._read())
        try:
            peer.era = (await peer.verb("connect", {**target, "mode": mode}))["era"]
            yield peer
            await peer.verb("close", {})
        finally:
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()
            reader.cancel()

    async def _read(self):
        while line := await self.process.stdout.readline():
            message = json.loads(line)
            if "asked" in message:
                self.asked.append(message["asked"])
            elif "updated" in message:
                self.updated.put_nowait(message["updated"])
            else:
                self.replies.pop(message["id"]).set_result(message)
        for reply in self.replies.values():
            reply.set_exception(RuntimeError("the client ended"))

    async def verb(self, verb, arguments):
        self.last += 1
        reply = self.replies[self.last] = asyncio.get_running_loop().create_future()
        self.process.stdin.write(json.dumps({"id": self.last, "verb": verb, **arguments}).encode() + b"\n")
        await self.process.stdin.drain()
        message = await asyncio.wait_for(reply, 60)
        if "error" in message:
            raise RuntimeError(message["error"])
        return message["result"]

    async def tools(self):
        return await self.verb("tools", {})

    async def call(self, tool, arguments):
        result = await self.verb("call", {"name": tool, "arguments": arguments})
        return bool(result.get("isError")), result["structuredContent"], [block["text"] for block in result["content"]]

    async def resources(self):
        return await self.verb("resources", {})

    async def templates(self):
        return await self.verb("templates", {})

    async def read(self, uri):
        return (await self.verb("read", {"uri": uri}))["contents"]

    async def prompts(self):
        return await self.verb("prompts", {})

    async def prompt(self, name, arguments):
        return (await self.verb("prompt", {"name": name, "arguments": arguments}))["messages"]

    async def complete(self, ref, argument, value):
        result = await self.verb("complete", {"ref": ref, "argument": {"name": argument, "value": value}})
        return result["completion"]["values"]

    async def hears_of(self, uri, act):
        await self.verb("subscribe", {"uri": uri})
        if self.era != LEGACY:
            await asyncio.wait_for(self.updated.get(), 10)
        await asyncio.to_thread(act)
        heard = await asyncio.wait_for(self.updated.get(), 10)
        await self.verb("unsubscribe", {"uri": uri})
        return [heard]


class TypeScript1(TypeScript):
    modes = (LEGACY,)
    sdk = "v1"


class TypeScript2(TypeScript):
    sdk = "v2"


CLIENTS = {"python-1": Python1, "python-2": Python2, "fastmcp": FastMcp,
           "typescript-1": TypeScript1, "typescript-2": TypeScript2}
