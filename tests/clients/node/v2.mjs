// The TypeScript SDK, version 2: a package for clients, protocols up to 2026-07-28.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { accept, IDENTITY, say, serve, verbs } from "./bridge.mjs";

const MODERN = "2026-07-28";

await serve(async ({ command, env, cwd, url, headers, mode }) => {
  const negotiation = mode === "legacy" || mode === "auto" ? mode : { pin: mode };
  const client = new Client(IDENTITY, {
    capabilities: { elicitation: {} },
    versionNegotiation: { mode: negotiation },
  });
  client.setRequestHandler("elicitation/create", accept);
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => say({ updated: params.uri }));
  const transport = command
    ? new StdioClientTransport({ command: command[0], args: command.slice(1), env, cwd })
    : new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  const era = client.getNegotiatedProtocolVersion() === MODERN ? MODERN : "legacy";
  const table = verbs(client);
  if (era === MODERN) {
    let open;
    table.subscribe = async ({ uri }) => void (open = await client.listen({ resourceSubscriptions: [uri] }));
    table.unsubscribe = () => open.close();
  }
  return { era, verbs: table };
});
