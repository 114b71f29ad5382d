// The TypeScript SDK, version 1: one package, protocols up to 2025-11-25.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema, ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { accept, IDENTITY, say, serve, verbs } from "./bridge.mjs";

await serve(async ({ command, env, cwd, url, headers }) => {
  const client = new Client(IDENTITY, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, accept);
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => say({ updated: params.uri }));
  const transport = command
    ? new StdioClientTransport({ command: command[0], args: command.slice(1), env, cwd })
    : new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  return { era: "legacy", verbs: verbs(client) };
});
