// One client of a TypeScript SDK, told what to do line by line: `{id, verb, …}` comes in, `{id, result}` or `{id, error}`
// goes out, and in between `{asked}` for each form that was shown and `{updated}` for each resource that changed.

import { createInterface } from "node:readline";

// Standard output is ours: what an SDK has to say for itself goes elsewhere.
console.log = console.info = console.debug = console.error;

export const IDENTITY = { name: "cortexpilot-client-tests", version: "1" };

export function say(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

/** Says yes to every form, with nobody at the keyboard. */
export function accept(request) {
  say({ asked: request.params.message });
  return { action: "accept", content: { confirm: true, comment: "fine" } };
}

/** Every page of a list. */
export async function all(verb, member) {
  const out = [];
  let cursor;
  do {
    const page = await verb(cursor === undefined ? undefined : { cursor });
    out.push(...page[member]);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return out;
}

/** The verbs that both SDKs spell alike. */
export function verbs(client) {
  return {
    tools: () => all((page) => client.listTools(page), "tools"),
    call: ({ name, arguments: given }) => client.callTool({ name, arguments: given }),
    resources: () => all((page) => client.listResources(page), "resources"),
    templates: () => all((page) => client.listResourceTemplates(page), "resourceTemplates"),
    read: ({ uri }) => client.readResource({ uri }),
    prompts: () => all((page) => client.listPrompts(page), "prompts"),
    prompt: ({ name, arguments: given }) => client.getPrompt({ name, arguments: given }),
    complete: ({ ref, argument }) => client.complete({ ref, argument }),
    subscribe: ({ uri }) => client.subscribeResource({ uri }),
    unsubscribe: ({ uri }) => client.unsubscribeResource({ uri }),
    close: () => client.close(),
  };
}

/** Carries out verbs until the input ends, one after the other. `connect` gives the protocol's era and the verbs of the
 * connection. What is still open then, such as a server's process, does not keep this one. */
export async function serve(connect) {
  let table = {};
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, verb, ...given } = JSON.parse(line);
    try {
      if (verb === "connect") {
        const connected = await connect(given);
        table = connected.verbs;
        say({ id, result: { era: connected.era } });
      } else {
        say({ id, result: (await table[verb](given)) ?? {} });
      }
    } catch (error) {
      say({ id, error: `${error.name}: ${error.message}` });
    }
  }
  await table.close?.().catch(() => {});
  process.exit(0);
}
