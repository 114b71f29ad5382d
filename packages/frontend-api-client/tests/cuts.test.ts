/** Answers that are lost, late or from somebody else. */

import assert from "node:assert/strict";
import { createServer as createHttp } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import {
  type ControlPlaneOptions,
  ControlPlaneError,
  type RetryNotice,
  createControlPlaneClient,
} from "@cortexpilot/frontend-api-client";
import { cancelQueueItem, enqueueFromRun, previewEnqueueFromRun } from "@cortexpilot/frontend-api-client/queue-operator";

import { OPERATOR, withProduct } from "./product.js";
import { type Fate, Relay } from "./relay.js";

const STATED = { confirm: true, actor_role: "OPS", requested_by: "alice", approval_reason: "tests" } as const;

/** No test waits longer than it must. */
const QUICK = { baseDelayMs: 1, maxDelayMs: 2 };

function through(relay: Relay, more: Partial<ControlPlaneOptions> = {}) {
  return createControlPlaneClient({ baseUrl: relay.url, token: OPERATOR, role: "OPS", retry: QUICK, ...more });
}

async function withRelay(upstream: string, work: (relay: Relay) => Promise<void>): Promise<void> {
  const relay = await Relay.to(upstream);
  try {
    await work(relay);
  } finally {
    await relay.stop();
  }
}

/** Lets the first so many requests of a path meet this fate. */
function first(count: number, path: string, fate: Fate): (line: string) => Fate {
  let left = count;
  return (line) => (line.includes(path) && left-- > 0 ? fate : "pass");
}

async function failed(call: PromiseLike<unknown>): Promise<ControlPlaneError> {
  const caught = await Promise.resolve(call).then(
    () => assert.fail("was answered"),
    (error: unknown) => error,
  );
  assert.ok(caught instanceof ControlPlaneError, String(caught));
  return caught;
}

test("an apply whose answer is lost is sent again and makes one item", async () => {
  await withProduct({ gate: true }, async (product) => {
    await withRelay(product.url, async (relay) => {
      const client = through(relay);
      const preview = await previewEnqueueFromRun(client, "run_ok");
      relay.fate = first(2, "POST /api/queue/from-run/run_ok ", "lose");
      const input = { ...STATED, preview_token: preview.preview_token };
      const answer = await enqueueFromRun(client, "run_ok", input);
      assert.ok("already_applied" in answer);
      assert.equal(answer.already_applied, true);
      assert.deepEqual(await product.ledger(), ["QUEUE_ENQUEUE"]);
      const sent = relay.requests.filter((request) => request.startsWith("POST /api/queue/from-run/run_ok "));
      assert.equal(sent.length, 3);
      const keys = new Set(sent.map((request) => /"idempotency_key":"([^"]+)"/.exec(request)?.[1]));
      assert.equal(keys.size, 1, "every repeat carries the same key");
    });
  });
});

test("an apply that was given up can be repeated later with a key of the caller's own", async () => {
  await withProduct({ gate: true }, async (product) => {
    await withRelay(product.url, async (relay) => {
      const client = through(relay, { retry: false });
      const preview = await previewEnqueueFromRun(client, "run_ok");
      const input = { ...STATED, preview_token: preview.preview_token, idempotency_key: "decision-1" };
      relay.fate = first(1, "POST /api/queue/from-run/run_ok ", "lose");
      const lost = await failed(enqueueFromRun(client, "run_ok", input));
      assert.deepEqual([lost.code, lost.outcomeUnknown], ["CLIENT_NETWORK", true]);
      const answer = await enqueueFromRun(client, "run_ok", input);
      assert.ok("already_applied" in answer);
      assert.equal(answer.already_applied, true);
      assert.deepEqual(await product.ledger(), ["QUEUE_ENQUEUE"]);
    });
  });
});

test("a cancel whose answer is lost is not sent again, and says that it may have worked", async () => {
  await withProduct({ gate: true }, async (product) => {
    await withRelay(product.url, async (relay) => {
      const client = through(relay);
      const preview = await previewEnqueueFromRun(client, "run_ok");
      const answer = await enqueueFromRun(client, "run_ok", { ...STATED, preview_token: preview.preview_token });
      assert.ok("queue_id" in answer);
      relay.fate = first(1, "/cancel", "lose");
      const lost = await failed(cancelQueueItem(client, answer.queue_id));
      assert.deepEqual([lost.kind, lost.code, lost.status, lost.outcomeUnknown], ["network", "CLIENT_NETWORK", undefined, true]);
      assert.equal(relay.requests.filter((request) => request.includes("/cancel")).length, 1);
      assert.equal((await client.queue.get(answer.queue_id)).status, "CANCELLED");
    });
  });
});

test("a read whose answer is lost is sent again, under the same name, and whoever listens is told", async () => {
  await withProduct({}, async (product) => {
    await withRelay(product.url, async (relay) => {
      const notices: RetryNotice[] = [];
      const client = through(relay, { onRetry: (notice) => notices.push(notice) });
      relay.fate = first(2, "GET /api/gate", "lose");
      await client.gate.get();
      assert.deepEqual(notices.map((it) => [it.operation, it.attempt, it.error.code]), [
        ["gate_get", 1, "CLIENT_NETWORK"],
        ["gate_get", 2, "CLIENT_NETWORK"],
      ]);
      assert.equal(new Set([0, 1, 2].map((number) => relay.header(number, "x-request-id"))).size, 1);
      relay.fate = first(3, "GET /api/gate", "lose");
      const lost = await failed(client.gate.get());
      assert.deepEqual([lost.code, lost.outcomeUnknown, lost.retry], ["CLIENT_NETWORK", false, "after_wait"]);
      relay.fate = first(1, "GET /api/gate", "lose");
      await failed(through(relay, { retry: false }).gate.get());
    });
  });
});

test("a server that says nothing is waited for as long as was said, and no longer", async () => {
  await withProduct({}, async (product) => {
    await withRelay(product.url, async (relay) => {
      relay.fate = () => "stall";
      const client = through(relay, { timeoutMs: 40, retry: { ...QUICK, attempts: 2 } });
      const late = await failed(client.gate.get());
      assert.deepEqual([late.kind, late.code, late.reason], ["timeout", "CLIENT_TIMEOUT", "No answer came within 40 ms."]);
      assert.equal(relay.requests.length, 2);
      relay.fate = () => "pass";
      await client.gate.get({ timeoutMs: 10_000 });
    });
  });
});

test("a call ends when its caller says so, with the caller's reason, wherever it is", async () => {
  await withProduct({}, async (product) => {
    await withRelay(product.url, async (relay) => {
      const reason = new Error("enough");
      relay.fate = () => "stall";
      const waiting = new AbortController();
      const call = through(relay).gate.get({ signal: waiting.signal });
      while (relay.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
      waiting.abort(reason);
      await assert.rejects(call, reason);
      const pausing = new AbortController();
      relay.fate = () => "lose";
      const paused = through(relay, {
        retry: { baseDelayMs: 60_000, maxDelayMs: 60_000 },
        onRetry: () => pausing.abort(reason),
      });
      await assert.rejects(paused.gate.get({ signal: pausing.signal }), reason);
      const count = relay.requests.length;
      await assert.rejects(through(relay).gate.get({ signal: AbortSignal.abort(reason) }), reason);
      assert.equal(relay.requests.length, count, "a call that was ended before it began sends nothing");
      const apply = new AbortController();
      relay.fate = () => "stall";
      const enqueue = enqueueFromRun(through(relay), "run_ok", { ...STATED, preview_token: "x" }, { signal: apply.signal });
      while (relay.requests.length === count) await new Promise((resolve) => setImmediate(resolve));
      apply.abort(reason);
      await assert.rejects(enqueue, reason);
    });
  });
});

test("no listener stays on a signal that many calls share", async () => {
  await withProduct({}, async (product) => {
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>): void => {
      listeners += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>): void => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    const client = createControlPlaneClient({ baseUrl: product.url, token: OPERATOR });
    for (let count = 0; count < 20; count += 1) await client.gate.get({ signal });
    assert.equal(listeners, 0);
  });
});

/** A server that answers as it is told. */
async function withAnswers(
  answers: { status: number; headers?: Record<string, string>; body?: string }[],
  work: (url: string, asked: () => number) => Promise<void>,
): Promise<void> {
  let asked = 0;
  const server = createHttp((_, response) => {
    const answer = answers[Math.min(asked, answers.length - 1)];
    asked += 1;
    response.writeHead(answer?.status ?? 500, { "content-type": "application/json", ...answer?.headers });
    response.end(answer?.body ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => asked);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const limited = (seconds: number): { status: number; headers: Record<string, string>; body: string } => ({
  status: 429,
  headers: { "retry-after": String(seconds) },
  body: JSON.stringify({ detail: { code: "RATE_LIMITED", reason: "too fast", retry: "after_wait", who_can_act: "you", next_step: "Wait." } }),
});

test("a read that came too fast is sent again after as long as the server asks for, an apply is not", async () => {
  await withAnswers([limited(0), { status: 200, body: '{"ok":true}' }], async (baseUrl, asked) => {
    const client = createControlPlaneClient({ baseUrl, retry: QUICK });
    await client.gate.get();
    assert.equal(asked(), 2);
  });
  await withAnswers([limited(3600)], async (baseUrl, asked) => {
    const client = createControlPlaneClient({ baseUrl, retry: QUICK });
    const tooFast = await failed(client.gate.get());
    assert.deepEqual([tooFast.code, tooFast.retryAfter, asked()], ["RATE_LIMITED", 3600, 1]);
  });
  await withAnswers([limited(0)], async (baseUrl, asked) => {
    const client = createControlPlaneClient({ baseUrl, retry: QUICK });
    const tooFast = await failed(enqueueFromRun(client, "run_ok", { ...STATED, preview_token: "x" }));
    assert.deepEqual([tooFast.code, asked()], ["RATE_LIMITED", 1]);
  });
});

test("what is not the control plane is told apart from its refusals", async () => {
  const page = { status: 200, headers: { "content-type": "text/html" }, body: "<html>sign in</html>" };
  await withAnswers([page], async (baseUrl) => {
    const foreign = await failed(createControlPlaneClient({ baseUrl }).gate.get());
    assert.deepEqual([foreign.kind, foreign.code, foreign.status], ["http", "CLIENT_HTTP", 200]);
  });
  for (const [status, asks] of [[502, 3], [418, 1]] as const) {
    await withAnswers([{ status, headers: { "content-type": "text/html" }, body: "<html>" }], async (baseUrl, asked) => {
      const foreign = await failed(createControlPlaneClient({ baseUrl, retry: QUICK }).gate.get());
      assert.deepEqual([foreign.kind, foreign.status, asked()], ["http", status, asks]);
    });
  }
  await withAnswers([{ status: 302, headers: { location: "http://127.0.0.1:9/stolen" } }], async (baseUrl, asked) => {
    const client = createControlPlaneClient({ baseUrl, token: OPERATOR, retry: false });
    assert.equal((await failed(client.gate.get())).code, "CLIENT_NETWORK");
    assert.equal(asked(), 1, "nobody is sent elsewhere");
  });
  await withAnswers([{ status: 504 }], async (baseUrl) => {
    const client = createControlPlaneClient({ baseUrl, retry: false });
    const lost = await failed(cancelQueueItem(client, "0".repeat(32)));
    assert.equal(lost.outcomeUnknown, true, "a gateway that gave up does not know what was done");
  });
  const nobody = createControlPlaneClient({ baseUrl: "http://127.0.0.1:9", retry: QUICK });
  assert.equal((await failed(nobody.gate.get())).code, "CLIENT_NETWORK");
});

test("a newer server's code is an error like any other", async () => {
  const body = JSON.stringify({ detail: { code: "SOMETHING_NEW", reason: "new", retry: "never", who_can_act: "you", next_step: "" } });
  await withAnswers([{ status: 409, body }], async (baseUrl) => {
    const unknown = await failed(createControlPlaneClient({ baseUrl }).gate.get());
    assert.deepEqual([unknown.kind, String(unknown.code), unknown.status], ["refused", "SOMETHING_NEW", 409]);
  });
});

test("a list that leads in a circle is not gone through for ever", async () => {
  const page = { status: 200, body: '{"items":[1],"next_cursor":"a"}' };
  await withAnswers([page], async (baseUrl, asked) => {
    await assert.rejects(createControlPlaneClient({ baseUrl }).runs.list().collect(), /same cursor twice/);
    assert.equal(asked(), 2);
  });
});
