/** Live streams through connections that are cut, servers that restart and tokens that are taken back. */

import assert from "node:assert/strict";
import { type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import {
  ControlPlaneError,
  type QueueStreamEvent,
  type StreamState,
  createControlPlaneClient,
} from "@cortexpilot/frontend-api-client";
import { revokeToken } from "@cortexpilot/frontend-api-client/operator";
import { cancelQueueItem, enqueueFromRun, previewEnqueueFromRun } from "@cortexpilot/frontend-api-client/queue-operator";

import { OPERATOR, type Product, withProduct } from "./product.js";
import { Relay } from "./relay.js";

const STATED = { confirm: true, actor_role: "OPS", requested_by: "alice", approval_reason: "tests" } as const;
const QUICK = { baseDelayMs: 1, maxDelayMs: 2 };

/** A stream that ends in no test hangs the whole suite: this ends it, and the test with it. */
const LIMIT_MS = 60_000;

async function queueItem(product: Product, priority: number): Promise<string> {
  const client = createControlPlaneClient({ baseUrl: product.url, token: OPERATOR, role: "OPS" });
  const preview = await previewEnqueueFromRun(client, "run_ok", { priority });
  const input = { ...STATED, priority, preview_token: preview.preview_token };
  const answer = await enqueueFromRun(client, "run_ok", input);
  assert.ok("queue_id" in answer);
  return answer.queue_id;
}

async function cancel(product: Product, queueId: string): Promise<void> {
  await cancelQueueItem(createControlPlaneClient({ baseUrl: product.url, token: OPERATOR, role: "OPS" }), queueId);
}

test("the queue's stream tells every line once, however often it is cut", async () => {
  await withProduct({ gate: true }, async (product) => {
    const relay = await Relay.to(product.url);
    try {
      // Every connection is cut inside an event: the first in the first, the next in the second of those it sends …
      let streams = 0;
      relay.fate = (line) => (line.includes("/stream") ? streams++ % 3 : "pass");
      const client = createControlPlaneClient({ baseUrl: relay.url, token: OPERATOR, retry: QUICK });
      const told: string[] = [];
      let item = "";
      const signal = AbortSignal.timeout(LIMIT_MS);
      for await (const event of client.queue.watch({ signal, attempts: 50 })) {
        if (event.event === "queue_head") {
          assert.deepEqual(Object.keys(event.data), ["seq", "h", "pending", "claimed", "snapshot"]);
          if (item === "") item = await queueItem(product, 0);
          continue;
        }
        assert.equal(event.event, "queue_event");
        if (event.event !== "queue_event") continue;
        assert.deepEqual(Object.keys(event.data), ["seq", "event", "ts", "queue_id", "h", "item"]);
        told.push(`${event.data.seq} ${event.data.event} ${event.data.item?.status}`);
        if (told.length === 1) await cancel(product, item);
        if (told.length === 2) item = await queueItem(product, 1);
        if (told.length === 3) break;
      }
      assert.deepEqual(told.map((line) => line.replace(/^\d+ /, "")), [
        "QUEUE_ENQUEUE PENDING",
        "QUEUE_CANCEL CANCELLED",
        "QUEUE_ENQUEUE PENDING",
      ]);
      assert.equal(new Set(told).size, 3);
      assert.ok(streams > 3, `cut ${streams} times`);
      assert.ok(relay.requests.slice(1).some((request) => /^last-event-id: ./im.test(request)));
    } finally {
      await relay.stop();
    }
  });
});

test("a run's stream goes on where it was cut, with what was written meanwhile", async () => {
  await withProduct({}, async (product) => {
    const relay = await Relay.to(product.url);
    try {
      let streams = 0;
      relay.fate = (line) => (line.includes("/stream") && streams++ < 8 ? 1 : "pass");
      const client = createControlPlaneClient({ baseUrl: relay.url, token: OPERATOR, retry: QUICK });
      const names: unknown[] = [];
      for await (const event of client.runs.watch("run_ok", { signal: AbortSignal.timeout(LIMIT_MS), attempts: 50 })) {
        if (event.event !== "run_event") continue;
        names.push(event.data.event);
        if (names.length === 3) for (const name of ["A", "B"]) await product.appendEvent("run_ok", name);
        if (names.length === 5) break;
      }
      assert.deepEqual(names, ["RUN_STARTED", "STEP_STARTED", "RUN_FINISHED", "A", "B"]);
    } finally {
      await relay.stop();
    }
  });
});

test("a stream outlives the server's restart", async () => {
  await withProduct({ gate: true }, async (product) => {
    const relay = await Relay.to(product.url);
    try {
      const client = createControlPlaneClient({ baseUrl: relay.url, token: OPERATOR, retry: QUICK });
      const states: StreamState[] = [];
      const told: string[] = [];
      const options = { signal: AbortSignal.timeout(LIMIT_MS), onState: (state: StreamState) => states.push(state) };
      for await (const event of client.queue.watch(options)) {
        if (event.event === "queue_head" && told.length === 0) await queueItem(product, 0);
        if (event.event !== "queue_event") continue;
        told.push(event.data.event);
        if (told.length === 2) break;
        await product.unlisten();
        await product.listen();
        relay.upstream = product.url;
        await queueItem(product, 1);
      }
      assert.deepEqual(told, ["QUEUE_ENQUEUE", "QUEUE_ENQUEUE"]);
      assert.deepEqual(states.slice(0, 3), ["connecting", "open", "waiting"]);
      assert.deepEqual(states.slice(-2), ["open", "ended"]);
    } finally {
      await relay.stop();
    }
  });
});

test("a stream ends with the token that opened it", async () => {
  await withProduct({}, async (product) => {
    const { token, id } = await product.token("operator", "bob");
    const client = createControlPlaneClient({ baseUrl: product.url, token, retry: QUICK });
    const operator = createControlPlaneClient({ baseUrl: product.url, token: OPERATOR, role: "OPS" });
    const watching = async (): Promise<void> => {
      for await (const event of client.queue.watch({ signal: AbortSignal.timeout(LIMIT_MS) })) {
        if (event.event === "queue_head") await revokeToken(operator, id, { reason: "gone" });
      }
    };
    await assert.rejects(watching(), (caught) => {
      assert.ok(caught instanceof ControlPlaneError, String(caught));
      assert.ok(["CLIENT_STREAM_ENDED", "AUTH_INVALID_TOKEN"].includes(caught.code), caught.code);
      return true;
    });
  });
});

/** A server whose connections do as they are told, in order; the last goes on for those that follow. */
async function withStreams(
  answers: ((response: ServerResponse) => void)[],
  work: (url: string, asked: (string | undefined)[], open: () => number) => Promise<void>,
): Promise<void> {
  const asked: (string | undefined)[] = [];
  let open = 0;
  const server = createServer((request, response) => {
    const lastId = request.headers["last-event-id"];
    asked.push(typeof lastId === "string" ? lastId : undefined);
    open += 1;
    response.on("close", () => (open -= 1));
    (answers[Math.min(asked.length, answers.length) - 1] as (response: ServerResponse) => void)(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, () => open);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const stream = (text: string, end = false) => (response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  response.write(text);
  if (end) response.end();
};

const event = (id: number): string => `id: ${id}\nevent: queue_event\ndata: {"seq":${id}}\n\n`;

async function seqs(url: string, count: number, more = {}): Promise<number[]> {
  const client = createControlPlaneClient({ baseUrl: url, retry: QUICK });
  const seen: number[] = [];
  const signal = AbortSignal.timeout(LIMIT_MS);
  for await (const it of client.queue.watch({ signal, ...more }) as AsyncIterable<QueueStreamEvent>) {
    if (it.event === "queue_event") seen.push(it.data.seq);
    if (seen.length === count) break;
  }
  return seen;
}

test("a stream that falls silent is opened anew where it was", async () => {
  await withStreams([stream(event(1)), stream(event(2))], async (url, asked) => {
    assert.deepEqual(await seqs(url, 2, { idleMs: 30 }), [1, 2]);
    assert.deepEqual(asked, [undefined, "1"]);
  });
});

test("a stream that ends is opened anew, from where its caller says in the first place", async () => {
  await withStreams([stream(event(8) + event(9), true), stream(event(10))], async (url, asked) => {
    assert.deepEqual(await seqs(url, 3, { lastEventId: "7" }), [8, 9, 10]);
    assert.deepEqual(asked, ["7", "9"]);
  });
});

test("a stream is not opened anew sooner than the server asks, and later while nobody answers", async () => {
  const refusing = (response: ServerResponse): void => {
    response.writeHead(503, { "content-type": "text/html" }).end();
  };
  await withStreams([stream(`retry: 20\n\n${event(1)}`, true), refusing, refusing, stream(event(2))], async (url) => {
    const pauses: number[] = [];
    const onRetry = ({ delayMs }: { delayMs: number }): number => pauses.push(delayMs);
    const client = createControlPlaneClient({ baseUrl: url, retry: { baseDelayMs: 20, maxDelayMs: 80 } });
    for await (const it of client.queue.watch({ onRetry, signal: AbortSignal.timeout(LIMIT_MS) })) if (it.id === "2") break;
    assert.equal(pauses.length, 3);
    for (const [at, [least, most]] of [[20, 30], [20, 40], [40, 80]].entries()) {
      const paused = pauses[at] as number;
      assert.ok(paused >= (least as number) && paused <= (most as number), `pause ${at}: ${paused}`);
    }
  });
});

test("the server's last word decides whether a stream is opened anew", async () => {
  const end = (reason: string, resume: boolean): string => `event: end\ndata: {"reason":"${reason}","resume":${resume}}\n\n`;
  await withStreams([stream(event(1) + end("slow_reader", true)), stream(event(2))], async (url, asked) => {
    assert.deepEqual(await seqs(url, 2), [1, 2]);
    assert.deepEqual(asked, [undefined, "1"]);
  });
  await withStreams([stream(event(1) + end("gone", false))], async (url, asked) => {
    await assert.rejects(seqs(url, 2), { code: "CLIENT_STREAM_ENDED", reason: "The server ended the stream: what was watched is gone." });
    assert.equal(asked.length, 1);
  });
  await withStreams([stream(event(1), true), (response) => response.writeHead(204).end()], async (url, asked) => {
    assert.deepEqual(await seqs(url, 2), [1]);
    assert.equal(asked.length, 2);
  });
});

test("a reset is told to whoever gathers the stream", async () => {
  await withStreams([stream(`${event(5)}event: reset\ndata: {"reason":"file_replaced"}\n\n${event(1)}`)], async (url) => {
    const seen: unknown[] = [];
    for await (const it of createControlPlaneClient({ baseUrl: url }).queue.watch()) {
      seen.push(it.event === "reset" ? it.data.reason : it.event);
      if (seen.length === 3) break;
    }
    assert.deepEqual(seen, ["queue_event", "file_replaced", "queue_event"]);
  });
});

test("what is no stream, and what cannot be helped, is thrown and not asked for again", async () => {
  const json = (status: number, body: unknown) => (response: ServerResponse): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const detail = (code: string, retry: string): unknown => ({
    detail: { code, reason: "no", retry, who_can_act: "you", next_step: "" },
  });
  for (const [answer, code] of [
    [json(200, {}), "CLIENT_HTTP"],
    [json(404, detail("RUN_NOT_FOUND", "after_fix")), "RUN_NOT_FOUND"],
    [json(401, detail("AUTH_INVALID_TOKEN", "after_fix")), "AUTH_INVALID_TOKEN"],
    [stream("data: {\n\n"), "CLIENT_HTTP"],
  ] as const) {
    await withStreams([answer], async (url, asked) => {
      await assert.rejects(seqs(url, 1), { name: "ControlPlaneError", code });
      assert.equal(asked.length, 1, code);
    });
  }
  await withStreams([json(503, detail("STORE_UNAVAILABLE", "after_wait")), stream(event(1))], async (url, asked) => {
    assert.deepEqual(await seqs(url, 1), [1]);
    assert.equal(asked.length, 2);
  });
  await withStreams([json(503, detail("STORE_UNAVAILABLE", "after_wait"))], async (url, asked) => {
    await assert.rejects(seqs(url, 1, { attempts: 4 }), { code: "STORE_UNAVAILABLE" });
    assert.equal(asked.length, 4);
  });
});

test("what is wrong with the call itself is thrown at once, not tried for ever", async () => {
  await withStreams([stream(event(1))], async (url, asked) => {
    const opened = (client: ReturnType<typeof createControlPlaneClient>, id: string): Promise<unknown> =>
      client.runs.watch(id, { signal: AbortSignal.timeout(LIMIT_MS) }).next();
    await assert.rejects(opened(createControlPlaneClient({ baseUrl: url }), ".."), /is no id/);
    const token = (): never => {
      throw new Error("no token in the vault");
    };
    await assert.rejects(opened(createControlPlaneClient({ baseUrl: url, token }), "run_ok"), /no token in the vault/);
    assert.equal(asked.length, 0);
  });
  const endless = (response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let count = 0; count < 18; count += 1) response.write(`data: ${"x".repeat(1024 * 1024)}\n`);
  };
  await withStreams([endless], async (url, asked) => {
    await assert.rejects(seqs(url, 1), { code: "CLIENT_HTTP" });
    assert.equal(asked.length, 1);
  });
});

test("events that came together with the one at which a stream was aborted are not given out", async () => {
  await withStreams([stream(event(1) + event(2) + event(3))], async (url) => {
    const leaving = new AbortController();
    const seen: string[] = [];
    const watching = async (): Promise<void> => {
      for await (const it of createControlPlaneClient({ baseUrl: url }).queue.watch({ signal: leaving.signal })) {
        seen.push(it.id);
        leaving.abort(new Error("enough"));
      }
    };
    await assert.rejects(watching(), /enough/);
    assert.deepEqual(seen, ["1"]);
  });
});

test("whoever leaves or aborts a stream closes its connection", async () => {
  await withStreams([stream(event(1))], async (url, _, open) => {
    const closed = async (): Promise<void> => {
      while (open() > 0) await new Promise((resolve) => setImmediate(resolve));
    };
    assert.deepEqual(await seqs(url, 1), [1]);
    await closed();
    const reason = new Error("enough");
    const leaving = new AbortController();
    const watching = async (): Promise<void> => {
      const client = createControlPlaneClient({ baseUrl: url, retry: QUICK });
      for await (const it of client.queue.watch({ signal: leaving.signal })) {
        assert.equal(it.id, "1");
        leaving.abort(reason);
      }
    };
    await assert.rejects(watching(), reason);
    await closed();
  });
});
