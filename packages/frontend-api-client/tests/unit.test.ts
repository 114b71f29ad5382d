import assert from "node:assert/strict";
import { test } from "node:test";

import { ERROR_CODES, OPERATIONS, OPERATION_IDS } from "@cortexpilot/frontend-api-contract";
import { ControlPlaneError, createControlPlaneClient } from "@cortexpilot/frontend-api-client";

import { retryAfterSeconds } from "../dist/errors.js";
import { randomId } from "../dist/ids.js";
import { READS, WRITES } from "../dist/paths.js";
import { RETRY_DEFAULT, backoff, pauseBefore } from "../dist/retry.js";
import { EventParser } from "../dist/sse.js";

/** What the client leaves to others: pages for people, and what machines of other kinds read. */
const LEFT_OUT = ["page", "metrics", "health", "docs", "openapi"];

test("the client knows every operation of the table, where it is and whether it writes", () => {
  for (const [id, path] of Object.entries(READS)) {
    const row = OPERATIONS[id as keyof typeof READS];
    assert.deepEqual([row?.method, row?.path, row?.effect], ["GET", path, "read"], id);
  }
  for (const [id, path] of Object.entries(WRITES)) {
    const row = OPERATIONS[id as keyof typeof WRITES];
    assert.deepEqual([row?.method, row?.path, row?.effect], ["POST", path, id === "queue_preview" ? "read" : "write"], id);
  }
  // Of an entry point of its own, which says where they are itself.
  const session = ["session_get", "session_create", "session_end"];
  const known = [...Object.keys(READS), ...Object.keys(WRITES), ...session, ...LEFT_OUT];
  assert.deepEqual(OPERATION_IDS.filter((id) => !known.includes(id)), []);
});

test("a stream is read alike wherever it is cut into pieces", () => {
  const stream =
    "\ufeff: hello\n\nretry: 250\nid: 1\nevent: a\ndata: one\ndata:two\n\n" +
    "data\r\n\r\nid: 2\r\ndata: ü\u{1f600}\r\n\r\nid: 3\r\rdata:  two spaces\rid\n\nevent: lost\n\ndata: not whole";
  const whole = new EventParser("0").push(stream);
  assert.deepEqual(whole, [
    { event: "a", data: "one\ntwo", id: "1" },
    { event: "message", data: "", id: "1" },
    { event: "message", data: "ü\u{1f600}", id: "2" },
    { event: "message", data: " two spaces", id: "" },
  ]);
  for (let at = 0; at <= stream.length; at += 1) {
    const parser = new EventParser("0");
    assert.deepEqual([...parser.push(stream.slice(0, at)), ...parser.push(stream.slice(at))], whole, `cut at ${at}`);
    assert.equal(parser.retryMs, 250);
  }
  const single = new EventParser();
  assert.deepEqual([...stream].flatMap((one) => single.push(one)), whole);
});

test("the position of a stream is that of the last event that came whole", () => {
  const parser = new EventParser("7");
  assert.equal(parser.position, "7");
  parser.push("id: 8\ndata: x\n");
  assert.equal(parser.position, "7", "its event is not whole yet");
  parser.push("\nid: a\0b\ndata: y\n\n");
  assert.equal(parser.position, "8", "an id with a NUL is none");
  parser.push("id: 9\n\n");
  assert.equal(parser.position, "9");
});

test("an event that never ends is refused before it fills the memory", () => {
  const parser = new EventParser();
  const mebibyte = `data: ${"x".repeat(1024 * 1024)}\n`;
  assert.throws(() => {
    for (let count = 0; count < 64; count += 1) parser.push(mebibyte);
  }, /too large/);
});

function failure(given: Partial<ConstructorParameters<typeof ControlPlaneError>[0]>): ControlPlaneError {
  return new ControlPlaneError({
    kind: "refused",
    code: "STORE_UNAVAILABLE",
    reason: "no",
    operation: "runs_list",
    requestId: "r",
    ...given,
  });
}

test("only what is safe to repeat and may help is repeated", () => {
  const network = failure({ kind: "network", code: "CLIENT_NETWORK", retry: "after_wait" });
  const busy = failure({ status: 503, retry: "after_wait" });
  const corrupt = failure({ status: 503, retry: "never", code: "LEDGER_CORRUPT" });
  const gateway = failure({ kind: "http", code: "CLIENT_HTTP", status: 502, retry: "after_wait" });
  const limited = failure({ status: 429, retry: "after_wait", code: "RATE_LIMITED", retryAfter: 2 });
  const fault = failure({ status: 500, retry: "after_wait", code: "INTERNAL" });
  const shut = failure({ status: 403, retry: "never", code: "MUTATION_GATE_CLOSED" });
  const stale = failure({ status: 409, retry: "after_preview", code: "PREVIEW_STALE" });
  const repeated = (error: ControlPlaneError): string =>
    (["read", "keyed", "once"] as const)
      .filter((repeatable) => pauseBefore(error, repeatable, 1, RETRY_DEFAULT, 1) !== undefined)
      .join(" ");
  for (const [error, which] of [
    [network, "read keyed"],
    [busy, "read keyed"],
    [corrupt, ""],
    [gateway, "read keyed"],
    [limited, "read"],
    [fault, ""],
    [shut, ""],
    [stale, ""],
  ] as const) {
    assert.equal(repeated(error), which, `${error.code} ${error.kind}`);
    assert.equal(pauseBefore(error, "read", 3, RETRY_DEFAULT, 1), undefined, "three times is enough");
  }
  assert.equal(pauseBefore(limited, "read", 1, RETRY_DEFAULT, 0), 2_000, "as long as the server asks for");
  const long = failure({ status: 429, retry: "after_wait", code: "RATE_LIMITED", retryAfter: 60 });
  assert.equal(pauseBefore(long, "read", 1, RETRY_DEFAULT, 0), undefined, "nobody waits a minute unasked");
});

test("pauses grow, are spread, and have an end", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 99].map((at) => backoff(at, RETRY_DEFAULT, 1)), [200, 400, 800, 1600, 3200, 5000, 5000]);
  assert.deepEqual([backoff(1, RETRY_DEFAULT, 0), backoff(99, RETRY_DEFAULT, 0)], [100, 2500]);
});

test("a retry-after header is seconds or a moment, and anything else is nothing", () => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  assert.equal(retryAfterSeconds("7", now), 7);
  assert.equal(retryAfterSeconds("Sun, 22 Nov 2026 12:00:30 GMT", now), 30);
  assert.equal(retryAfterSeconds("Sun, 22 Nov 2026 11:00:00 GMT", now), 0);
  for (const nothing of [null, "", "soon", "-1", "1e9"]) assert.equal(retryAfterSeconds(nothing, now), undefined, String(nothing));
});

test("an id is a UUID also where the browser makes none", () => {
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.match(randomId(), form);
  const made = crypto.randomUUID;
  Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
  try {
    const ids = new Set(Array.from({ length: 100 }, randomId));
    assert.equal(ids.size, 100);
    for (const id of ids) assert.match(id, form);
  } finally {
    Object.defineProperty(crypto, "randomUUID", { value: made, configurable: true });
  }
});

test("a token goes nowhere unencrypted but to this machine", () => {
  const client = (baseUrl: string, more = {}): unknown => createControlPlaneClient({ baseUrl, token: "t", ...more });
  for (const near of ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:1", "http://127.9.9.9", "http://x.localhost"]) client(near);
  client("https://plane.example");
  client("http://plane.example", { allowPlainHttp: true });
  for (const far of ["http://plane.example", "http://10.0.0.1", "http://127.0.0.1.example", "http://localhost.example"]) {
    assert.throws(() => client(far), /unencrypted/, far);
  }
});

test("what cannot be a control plane's address is refused when the client is made", () => {
  for (const [baseUrl, why] of [
    ["ftp://x", /http or https/],
    ["nonsense", /no address/],
    ["http://user:secret@localhost", /no user/],
  ] as const) {
    assert.throws(() => createControlPlaneClient({ baseUrl }), why);
  }
  assert.throws(() => createControlPlaneClient({}), /`baseUrl` is needed/);
  assert.throws(() => createControlPlaneClient({ baseUrl: "http://localhost", token: "t", cookie: true }), /not both/);
});

/** A client whose requests go nowhere and are kept. */
function recorded(options: { baseUrl?: string; token?: string; cookie?: true | string; role?: string } = {}) {
  const sent: { url: string; init: RequestInit; headers: Record<string, string> }[] = [];
  const fetch = (async (url: string, init: RequestInit) => {
    sent.push({ url, init, headers: init.headers as Record<string, string> });
    return new Response("{}", { status: 200 });
  }) as typeof globalThis.fetch;
  return { sent, client: createControlPlaneClient({ baseUrl: "http://localhost:1", ...options, fetch }) };
}

test("an id is one segment of the path, whatever it holds, or no request at all", async () => {
  const { sent, client } = recorded();
  for (const [id, segment] of [
    ["run_ok", "run_ok"],
    ["a/b", "a%2Fb"],
    ["../x", "..%2Fx"],
    ["ü ?#%", "%C3%BC%20%3F%23%25"],
  ] as const) {
    await client.runs.get(id);
    assert.equal(sent.at(-1)?.url, `http://localhost:1/api/runs/${segment}`);
  }
  const count = sent.length;
  for (const none of ["", ".", ".."]) await assert.rejects(client.runs.get(none), /is no id/);
  assert.equal(sent.length, count);
});

test("a path in front of the control plane's own is kept, and no redirect is followed", async () => {
  const { sent, client } = recorded({ baseUrl: "http://localhost:1/plane/", token: "t", role: "OPS" });
  await client.queue.list({ status: "PENDING" });
  assert.equal(sent[0]?.url, "http://localhost:1/plane/api/queue?status=PENDING&cursor=");
  assert.equal(sent[0]?.init.redirect, "error");
  assert.equal(sent[0]?.init.credentials, "omit");
  assert.equal(sent[0]?.headers["authorization"], "Bearer t");
  assert.equal(sent[0]?.headers["x-cortexpilot-role"], "OPS");
});

test("a session cookie is left to the browser, or sent where there is none", async () => {
  const browser = recorded({ cookie: true });
  await browser.client.gate.get();
  assert.equal(browser.sent[0]?.init.credentials, "include");
  assert.deepEqual(
    [browser.sent[0]?.headers["cookie"], browser.sent[0]?.headers["authorization"]],
    [undefined, undefined],
  );
  const elsewhere = recorded({ cookie: "cortexpilot_api_token=x" });
  await elsewhere.client.gate.get();
  assert.equal(elsewhere.sent[0]?.headers["cookie"], "cortexpilot_api_token=x");
});

test("a token is asked for before every request, so that a new one is taken up", async () => {
  let now = "first";
  const seen: (string | undefined)[] = [];
  const fetch = (async (_: string, init: RequestInit) => {
    seen.push((init.headers as Record<string, string>)["authorization"]);
    return new Response("{}", { status: 200 });
  }) as typeof globalThis.fetch;
  const client = createControlPlaneClient({ baseUrl: "http://localhost:1", token: async () => now, fetch });
  await client.gate.get();
  now = "second";
  await client.gate.get();
  assert.deepEqual(seen, ["Bearer first", "Bearer second"]);
});

test("a secret that no header can carry is refused without being told", async () => {
  const { sent, client } = recorded({ token: " t\n" });
  await client.gate.get();
  assert.equal(sent[0]?.headers["authorization"], "Bearer t", "files end with a line break");
  for (const options of [{ token: "se\ncret" }, { token: "sécret" }, { cookie: "a=se\r\ncret" }, { role: "secret\0" }]) {
    const { sent, client } = recorded(options);
    await assert.rejects(client.gate.get(), (error: Error) => {
      assert.match(error.message, /no header can carry/);
      return !/cret/.test(error.message);
    });
    assert.equal(sent.length, 0);
  }
});

test("an error holds what the refusal said, and every code of the table can be one", () => {
  for (const code of ERROR_CODES) assert.equal(failure({ code }).code, code);
});
