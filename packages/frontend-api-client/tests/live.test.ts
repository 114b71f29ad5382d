/** Every method against the real binary. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { OPERATIONS, type OperationId } from "@cortexpilot/frontend-api-contract";
import {
  type ControlPlaneClient,
  ControlPlaneError,
  type ControlPlaneOptions,
  createControlPlaneClient,
  isControlPlaneError,
} from "@cortexpilot/frontend-api-client";
import {
  approveRequest,
  freeze,
  pauseClaims,
  rejectRequest,
  resumeClaims,
  revokeToken,
  unfreeze,
} from "@cortexpilot/frontend-api-client/operator";
import {
  cancelQueueItem,
  enqueueFromRun,
  failItem,
  previewEnqueueFromRun,
  requeueItem,
  revokeLease,
  stopQueueItem,
} from "@cortexpilot/frontend-api-client/queue-operator";
import {
  claimNext,
  completeItem,
  heartbeat,
  nextItems,
  pinnedContract,
  releaseItem,
  sayPresence,
} from "@cortexpilot/frontend-api-client/worker";

import { READS, WRITES } from "../dist/paths.js";
import { OPERATOR, type Product, withProduct } from "./product.js";

/** Which operations were answered with 200 in this file. */
const met = new Set<string>();

const FORMS = Object.entries({ ...READS, ...WRITES })
  // A path without a parameter is the more exact one.
  .sort(([, one], [, other]) => one.split("{").length - other.split("{").length)
  .map(([id, path]) => {
    const form = path.replace(/\{[a-z_]+\}/g, "[^/]+");
    return { id, method: OPERATIONS[id as OperationId].method, form: new RegExp(`^${form}$`) };
  });

const noticing: typeof globalThis.fetch = async (input, init) => {
  const response = await fetch(input, init);
  const path = new URL(String(input)).pathname;
  const of = FORMS.find((it) => it.method === init?.method && it.form.test(path));
  if (response.status === 200 && of !== undefined) met.add(of.id);
  return response;
};

function as(product: Product, token = OPERATOR, more: Partial<ControlPlaneOptions> = {}): ControlPlaneClient {
  return createControlPlaneClient({ baseUrl: product.url, token, role: "OPS", fetch: noticing, ...more });
}

const STATED = { confirm: true, actor_role: "OPS", requested_by: "alice", approval_reason: "tests" } as const;

/** Queues a run's item as an operator does: looks first, then applies what was looked at. */
async function queued(client: ControlPlaneClient, runId = "run_ok", more: { allow_duplicate?: boolean } = {}) {
  const preview = await previewEnqueueFromRun(client, runId, { priority: 3 });
  const input = { ...STATED, priority: 3, preview_token: preview.preview_token, ...more };
  const answer = await enqueueFromRun(client, runId, input);
  assert.ok("queue_id" in answer, JSON.stringify(answer));
  return answer;
}

async function refused(call: PromiseLike<unknown>, code: string): Promise<ControlPlaneError> {
  try {
    await call;
  } catch (caught) {
    assert.ok(caught instanceof ControlPlaneError, String(caught));
    assert.equal(caught.code, code, caught.reason);
    return caught;
  }
  throw new assert.AssertionError({ message: `was answered, and should have been refused with ${code}` });
}

test("runs, their documents and what is gathered from them are read", async () => {
  await withProduct({}, async (product) => {
    const client = as(product);
    assert.equal((await client.health()).status, "ok");
    await client.ready();
    const page = await client.runs.list({ limit: 10 });
    assert.deepEqual([page.items.map((run) => run.run_id), page.next_cursor], [["run_ok"], null]);
    const one = await client.runs.get("run_ok");
    assert.equal(one.task_id, "task_run_ok");
    assert.ok((await client.runs.recentEvents({ limit: 5 })).length > 0);
    const names = (await client.runs.events("run_ok").collect()).map((event) => event["event"]);
    assert.deepEqual(names, ["RUN_STARTED", "STEP_STARTED", "RUN_FINISHED"]);
    const last = await client.runs.lastEvents("run_ok", 1);
    assert.deepEqual(last.map((event) => event["event"]), ["RUN_FINISHED"]);
    assert.ok((await client.runs.reports("run_ok")).items.length > 0);
    assert.ok((await client.workflows.list()).items.some((it) => it.workflow_id === "wf-1"));
    await client.workflows.get("wf-1");
    await client.runs.diff("run_ok");
    const artifact = await client.runs.artifact("run_ok", "artifacts/note.txt");
    assert.equal(new TextDecoder().decode(artifact.bytes), "a note\n");
    assert.match(artifact.contentType, /^(text\/plain|application\/octet-stream)/);
    await client.runs.artifacts("run_ok");
    await client.runs.search("run_ok");
    await client.runs.compare("run_ok");
    await client.runs.proof("run_ok");
    await client.runs.incident("run_ok");
    await client.contracts.list();
    await client.diffGate.list();
    await client.reviews.list();
    await client.tests.list();
  });
});

test("a run is previewed, queued, followed and rolled back, and the proofs of that are read", async () => {
  await withProduct({ gate: true }, async (product) => {
    await product.command("audit", "init-key");
    const client = as(product);
    const preview = await previewEnqueueFromRun(client, "run_ok");
    assert.deepEqual([preview.can_apply, preview.mutation_gate], [true, "open"]);
    assert.deepEqual(await product.ledger(), [], "a preview writes nothing");
    const item = await queued(client);
    assert.equal(item.already_applied, false);
    assert.match(String(item.idempotency_key), /^[0-9a-f-]{36}$/, "the client made a key");
    assert.equal((await client.queue.get(item.queue_id)).status, "PENDING");
    assert.deepEqual((await client.queue.list({ status: "PENDING" })).items.map((it) => it.queue_id), [item.queue_id]);
    const cancelled = await cancelQueueItem(client, item.queue_id, { reason: "not now" }, { receipt: true });
    assert.equal(cancelled.status, "CANCELLED");
    assert.ok("receipt" in cancelled, "a receipt was asked for");
    await client.queue.receipt(item.queue_id, { of: "cancelled" });
    await client.queue.history(item.queue_id);
    await client.ledger.head();
    await client.ledger.entries();
    const checkpoints = await client.ledger.checkpoints();
    const size = checkpoints[0]?.size;
    assert.equal(typeof size, "number");
    await client.ledger.checkpoint(Number(size));
    const again = await refused(cancelQueueItem(client, item.queue_id), "QUEUE_ITEM_NOT_CANCELLABLE");
    assert.deepEqual([again.status, again.outcomeUnknown], [409, false]);
    assert.deepEqual(await product.ledger(), ["QUEUE_ENQUEUE", "QUEUE_CANCEL"]);
  });
});

test("a worker looks, claims what it may carry out, and says how it ended", async () => {
  await withProduct({ gate: true, more: 1 }, async (product) => {
    const operator = as(product);
    const item = await queued(operator);
    const other = await queued(operator, "run_more_0");
    const { token } = await product.token("worker", "w1");
    const worker = createControlPlaneClient({ baseUrl: product.url, token, fetch: noticing });
    await sayPresence(worker, { worker: "w1", slots: 1 });
    assert.deepEqual((await operator.workers.list()).items.map((it) => [it.worker, it.principal]), [["w1", "worker:w1"]]);
    const waiting = (await nextItems(worker, { limit: 5 })).items.map((it) => it.queue_id);
    assert.deepEqual(waiting, [item.queue_id, other.queue_id]);
    // Not the next one but the one that it chose.
    const claimed = await claimNext(worker, { worker: "w1", queue_id: other.queue_id });
    assert.deepEqual([claimed.ok, claimed.item?.queue_id], [true, other.queue_id]);
    const lease_token = String(claimed.lease_token);
    const contract = await pinnedContract(worker, other.queue_id, String(claimed.contract_sha256));
    assert.equal(JSON.parse(new TextDecoder().decode(contract)).task_id, "task_run_more_0");
    await assert.rejects(pinnedContract(worker, other.queue_id, "0".repeat(64)), /not 0+ as claimed/);
    const beat = await heartbeat(worker, other.queue_id, { lease_token, progress: { stage: "tests" } });
    assert.deepEqual([beat.ok, beat.stop], [true, null]);
    const done = await completeItem(worker, other.queue_id, { lease_token, status: "SUCCESS" });
    assert.equal(done.status, "SUCCESS");
    const again = await claimNext(worker, { worker: "w1" });
    const back = await releaseItem(worker, item.queue_id, { lease_token: String(again.lease_token), started: false });
    assert.deepEqual([back.status, back.queue_state, back.waiting_reason], ["PENDING", "waiting", "backing_off"]);
    assert.equal((await claimNext(worker)).ok, false);
    assert.equal((await nextItems(worker)).items.length, 0);
  });
});

test("an operator stops what is in work, and decides about what was lost; none of it is a rollback", async () => {
  await withProduct({ gate: true }, async (product) => {
    const operator = as(product);
    const { queue_id } = await queued(operator);
    await refused(stopQueueItem(operator, queue_id, { reason: "too early" }), "QUEUE_ITEM_NOT_STOPPABLE");
    const { token } = await product.token("worker", "w1");
    const worker = createControlPlaneClient({ baseUrl: product.url, token, fetch: noticing });
    const claim = async (): Promise<string> => String((await claimNext(worker, { queue_id })).lease_token);
    const first = await claim();
    await refused(completeItem(worker, queue_id, { lease_token: first, status: "STOPPED" }), "STOP_NOT_REQUESTED");
    await refused(cancelQueueItem(operator, queue_id), "QUEUE_ITEM_NOT_CANCELLABLE");
    assert.equal((await stopQueueItem(operator, queue_id, { reason: "wrong branch" })).stop?.reason, "wrong branch");
    assert.equal((await heartbeat(worker, queue_id, { lease_token: first })).stop?.reason, "wrong branch");
    const lost = await revokeLease(operator, queue_id, { reason: "it does not listen" });
    assert.deepEqual([lost.status, lost.queue_state, lost.held?.reason], ["LOST", "held", "it does not listen"]);
    await refused(completeItem(worker, queue_id, { lease_token: first, status: "SUCCESS" }), "QUEUE_ITEM_NOT_CLAIMED");
    assert.equal((await requeueItem(operator, queue_id, { reason: "nothing was done" })).status, "PENDING");
    const second = await claim();
    await refused(heartbeat(worker, queue_id, { lease_token: first }), "LEASE_INVALID");
    await stopQueueItem(operator, queue_id, { reason: "once more" });
    assert.equal((await completeItem(worker, queue_id, { lease_token: second, status: "STOPPED" })).status, "STOPPED");
    const other = await queued(operator);
    await claimNext(worker, { queue_id: other.queue_id });
    await revokeLease(operator, other.queue_id, { reason: "gone" });
    assert.equal((await failItem(operator, other.queue_id, { reason: "not worth it" })).status, "FAILURE");
    await refused(failItem(operator, other.queue_id, { reason: "again" }), "QUEUE_ITEM_NOT_HELD");
    await refused(stopQueueItem(worker, other.queue_id, { reason: "a worker decides nothing" }), "SCOPE_FORBIDDEN");
  });
});

test("while operators pause, nothing is claimed, and no refusal is written", async () => {
  await withProduct({ gate: true }, async (product) => {
    const operator = as(product);
    await queued(operator);
    assert.equal((await pauseClaims(operator, { reason: "the disk is being moved" })).paused?.reason, "the disk is being moved");
    const next = await nextItems(operator);
    assert.deepEqual([next.items, next.reason], [[], "paused"]);
    assert.deepEqual(await claimNext(operator), { ok: false, reason: "paused" });
    assert.equal((await resumeClaims(operator, { reason: "moved" })).paused, null);
    assert.equal((await nextItems(operator)).items.length, 1);
    const decided = (await operator.decisions.list()).items.map((line) => line.event);
    assert.deepEqual(decided, ["RESUMED", "PAUSED"]);
  });
});

test("where people are asked, they approve and reject, and what they decided is listed", async () => {
  await withProduct({ gate: true, policy: "operator", more: 1 }, async (product) => {
    await product.command("audit", "init-key");
    const { token } = await product.token("agent", "bot");
    const agent = as(product, token);
    const operator = as(product);
    const ask = async (runId: string): Promise<string> => {
      const preview = await previewEnqueueFromRun(agent, runId);
      const answer = await enqueueFromRun(agent, runId, { ...STATED, preview_token: preview.preview_token });
      assert.ok("approval" in answer, JSON.stringify(answer));
      assert.equal(answer.status, "PENDING_APPROVAL");
      return answer.approval.id;
    };
    const wanted = await ask("run_ok");
    const unwanted = await ask("run_more_0");
    assert.equal((await operator.approvals.list({ status: "PENDING" })).items.length, 2);
    assert.equal((await operator.approvals.get(wanted)).id, wanted);
    await refused(approveRequest(agent, wanted), "SCOPE_FORBIDDEN");
    const yes = await approveRequest(operator, wanted, { reason: "fine" }, { receipt: true });
    assert.ok("queue_id" in yes);
    await operator.approvals.receipt(wanted);
    await rejectRequest(operator, unwanted, { reason: "no" });
    await refused(approveRequest(operator, unwanted), "APPROVAL_DECIDED");
    const decided = (await operator.decisions.list()).items.map((line) => line.event);
    assert.ok(decided.includes("REJECTED"), decided.join(" "));
    assert.deepEqual(await product.ledger(), ["QUEUE_ENQUEUE"]);
  });
});

test("a freeze stops queueing, and a token that was taken back is nobody's", async () => {
  await withProduct({ gate: true }, async (product) => {
    const client = as(product);
    assert.equal((await freeze(client, { reason: "look first" })).agents_may_queue, "FROZEN");
    const preview = await previewEnqueueFromRun(client, "run_ok");
    const input = { ...STATED, preview_token: preview.preview_token };
    await refused(enqueueFromRun(client, "run_ok", input), "FROZEN");
    await unfreeze(client, { reason: "looked" });
    const gate = await client.gate.get();
    assert.deepEqual([gate.frozen, gate.since], [null, gate.unfrozen]);
    const { token, id } = await product.token("agent", "bot");
    const agent = as(product, token);
    await agent.queue.list();
    assert.ok((await client.tokens.list()).items.some((it) => it.id === id && it.state === "live"));
    await revokeToken(client, id, { reason: "done" });
    const gone = await refused(agent.queue.list(), "AUTH_INVALID_TOKEN");
    assert.deepEqual([gone.status, gone.retry], [401, "after_fix"]);
  });
});

test("a refusal says why, who can act, what to do and how to find it", async () => {
  await withProduct({}, async (product) => {
    const client = as(product);
    const shut = await refused(
      enqueueFromRun(client, "run_ok", { ...STATED, preview_token: "x" }),
      "MUTATION_GATE_CLOSED",
    );
    assert.deepEqual(
      [shut.kind, shut.status, shut.retry, shut.whoCanAct, shut.operation, shut.outcomeUnknown],
      ["refused", 403, "never", "operator", "queue_enqueue", false],
    );
    assert.ok(shut.reason !== "" && shut.nextStep !== "" && shut.message === shut.reason);
    assert.match(shut.requestId, /^[0-9a-f-]{36}$/);
    assert.equal(shut.details?.request_id, shut.requestId);
    assert.ok(shut.traceId);
    assert.ok(isControlPlaneError(shut, "MUTATION_GATE_CLOSED") && !isControlPlaneError(shut, "FROZEN"));
    await refused(client.runs.get("run_none"), "RUN_NOT_FOUND");
    await refused(client.runs.get("-x"), "RUN_ID_INVALID");
    await refused(client.queue.list({ limit: 501 }), "REQUEST_VALIDATION_ERROR");
    await refused(client.queue.list({ status: "PENDING", cursor: "nonsense" }), "REQUEST_VALIDATION_ERROR");
    await refused(as(product, "wrong").runs.list(), "AUTH_INVALID_TOKEN");
    await refused(createControlPlaneClient({ baseUrl: product.url }).runs.list(), "AUTH_MISSING_BEARER");
    await refused(previewEnqueueFromRun(as(product, OPERATOR, { role: "NOBODY" }), "run_ok"), "ROLE_FORBIDDEN");
    const plain = await refused(createControlPlaneClient({ baseUrl: `${product.url}/api/none`, token: OPERATOR }).health(), "NOT_FOUND");
    assert.deepEqual([plain.kind, plain.status], ["refused", 404]);
    // Any other address is a page of the console's, which is no answer of the control plane's.
    const page = await refused(createControlPlaneClient({ baseUrl: `${product.url}/none` }).health(), "CLIENT_HTTP");
    assert.deepEqual([page.kind, page.status], ["http", 200]);
  });
});

test("a list is gone through page by page, no further than somebody looks", async () => {
  await withProduct({ more: 11 }, async (product) => {
    let requests = 0;
    const counting: typeof fetch = (input, init) => {
      requests += 1;
      return noticing(input, init);
    };
    const client = as(product, OPERATOR, { fetch: counting });
    const ids = (await client.runs.list({ limit: 5 }).collect()).map((run) => run.run_id);
    assert.deepEqual([ids.length, new Set(ids).size, requests], [12, 12, 3]);
    requests = 0;
    const list = client.runs.list({ limit: 5 });
    assert.equal(requests, 0, "nothing is sent before somebody asks");
    for await (const run of list) if (run.run_id === ids[6]) break;
    assert.equal(requests, 2);
    assert.equal((await list.collect(3)).length, 3);
    const sizes: number[] = [];
    for await (const page of list.pages()) sizes.push(page.items.length);
    assert.deepEqual(sizes, [5, 5, 2]);
    const first = await client.runs.list({ limit: 5 });
    const rest = await client.runs.list({ limit: 500, cursor: String(first.next_cursor) });
    assert.deepEqual([...first.items, ...rest.items].map((run) => run.run_id), ids);
  });
});

test("a session cookie signs in, and a page of another site cannot use it", async () => {
  await withProduct({ gate: true }, async (product) => {
    const cookie = `cortexpilot_api_token=${OPERATOR}`;
    const client = createControlPlaneClient({ baseUrl: product.url, cookie, role: "OPS", fetch: noticing });
    const item = await queued(client);
    const foreign = await fetch(`${product.url}/api/queue/${item.queue_id}/cancel`, {
      method: "POST",
      headers: { cookie, "content-type": "application/json", "x-cortexpilot-role": "OPS" },
      body: "{}",
    });
    assert.equal(foreign.status, 403, "without the proof that a page of ours asks");
    assert.equal((await cancelQueueItem(client, item.queue_id)).status, "CANCELLED");
  });
});

test("streams are opened", async () => {
  await withProduct({ gate: true }, async (product) => {
    const client = as(product);
    for await (const event of client.queue.watch()) {
      assert.equal(event.event, "queue_head");
      break;
    }
    const seen: string[] = [];
    for await (const { event } of client.runs.watch("run_ok", { tail: false })) {
      seen.push(event);
      if (event === "caught_up") break;
    }
    assert.deepEqual([...new Set(seen)], ["run_event", "caught_up"]);
    await freeze(client, { reason: "look first" });
    const decisions = client.decisions.watch({ lastEventId: "0" });
    const told: unknown[] = [];
    for await (const { event, data } of decisions) {
      told.push(event === "decision" ? data.event : event);
      if (event === "caught_up") break;
    }
    assert.deepEqual(told, ["decisions_head", "FROZEN", "caught_up"]);
    const lines = await client.ledger.entries({ file: "decisions", order: "oldest" });
    assert.deepEqual(lines.items.map((line) => line.event), ["FROZEN"]);
  });
});

test("the queue is counted, gone through from its newest item, and shown as it went", async () => {
  await withProduct({ gate: true, more: 2 }, async (product) => {
    const client = as(product);
    for (const run of ["run_ok", "run_more_0", "run_more_1"]) {
      const preview = await previewEnqueueFromRun(client, run);
      await enqueueFromRun(client, run, { ...STATED, preview_token: preview.preview_token });
    }
    const counts = await client.queue.counts();
    assert.deepEqual([counts.total, counts.by_state.eligible, counts.by_status["PENDING"]], [3, 3, 3]);
    const newest = await client.queue.list({ order: "newest", limit: 2 }).collect();
    assert.deepEqual(newest.map((item) => item.source_run_id), ["run_more_1", "run_more_0", "run_ok"]);
    const { buckets, bucket_seconds } = await client.queue.throughput({ span: "hour" });
    assert.deepEqual([buckets.length, bucket_seconds, buckets.reduce((sum, it) => sum + it.queued, 0)], [12, 300, 3]);
  });
});

test("how the server was configured is shown without its secrets", async () => {
  await withProduct({ gate: true }, async (product) => {
    const client = as(product);
    const settings = await client.config.list();
    const token = settings.find((it) => it.variable === "CORTEXPILOT_API_TOKEN");
    assert.equal(token?.secret, true);
    assert.ok(!JSON.stringify(settings).includes(OPERATOR));
    assert.ok((await client.config.clients()).some((it) => it.client === "claude-code" && it.text.includes("mcp-readonly-server")));
  });
});

test("every operation that the client knows was answered above", () => {
  const known = [...Object.keys(READS), ...Object.keys(WRITES)];
  assert.deepEqual(known.filter((id) => !met.has(id)), []);
});
