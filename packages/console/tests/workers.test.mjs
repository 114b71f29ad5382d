/** Items that workers hold, lose and are asked to stop; and the workers themselves. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { RUN, closeChrome, person, say, within } from "./world.mjs";

after(closeChrome);

test("a worker that fell silent: asked to stop, taken from it, held, put back, closed; claiming paused and resumed", () =>
  within({ gate: true }, async (world) => {
    const made = await world.enqueue(RUN);
    const worker = await world.token("worker", "builder");
    const claim = async () => (await world.api("POST", "/api/queue/claim", { worker: "builder-1" }, worker)).body;
    const { page, said } = await person(world, { path: `/queue/${made.queue_id}` });
    await page.getByText("As the task contract says that was kept when it was queued").waitFor();
    assert.equal((await claim()).ok, true);
    await say(page, "Ask it to stop (does not undo)…", "wrong branch");
    await page.getByText("It has been asked to stop").waitFor();
    await say(page, "Take it from its worker…", "it does not listen");
    await page.getByText("Held").or(page.getByText("Lost")).first().waitFor();
    await say(page, "Put it back in the queue…", "the machine is back");
    await page.getByRole("button", { name: "Cancel (rolls back)…" }).waitFor();

    await page.goto(`${world.url}/workers`);
    await say(page, "Pause claiming…", "a release is on");
    await page.getByText(/Claiming is paused by token:api/).waitFor();
    assert.equal((await claim()).ok, false);
    await say(page, "Resume claiming…", "the release is out");
    await page.getByText(/Claiming is paused/).waitFor({ state: "detached" });
    await world.api("POST", "/api/workers/presence", { worker: "builder-1", host: "here", slots: 2 }, worker);
    await page.getByRole("heading", { name: "builder-1" }).waitFor();

    assert.equal((await claim()).ok, true);
    await page.goto(`${world.url}/queue/${made.queue_id}`);
    await say(page, "Take it from its worker…", "gone");
    await say(page, "Close it as failed…", "not worth another try");
    await page.getByText("It is over").waitFor();
    const events = (await world.ledger()).map((line) => line.event);
    assert.deepEqual(events, ["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_STOP", "QUEUE_HOLD", "QUEUE_REQUEUE", "QUEUE_CLAIM", "QUEUE_HOLD", "QUEUE_DONE"]);
    assert.deepEqual(said, []);
  }));

test("every state has its word and its verbs: lost, out of tries, stopped, expired, resting, and one that nobody knows yet", () =>
  within({ gate: true }, async (world) => {
    const made = await world.enqueue(RUN);
    const base = (await world.api("GET", `/api/queue/${made.queue_id}`)).body;
    const id = (digit) => String(digit).repeat(32);
    const items = [
      { ...base, queue_id: id(1), task_id: "task_lost", status: "LOST", queue_state: "held", eligible: false, held: { kind: "LOST", reason: "no sign of life for 60 s", by: "system", at: base.created_at } },
      { ...base, queue_id: id(2), task_id: "task_dead", status: "DEAD_LETTER", queue_state: "held", eligible: false, attempts: 3 },
      { ...base, queue_id: id(3), task_id: "task_stopped", status: "STOPPED", queue_state: "closed", eligible: false },
      { ...base, queue_id: id(4), task_id: "task_expired", status: "EXPIRED", queue_state: "closed", eligible: false, deadline_at: base.created_at },
      { ...base, queue_id: id(5), task_id: "task_resting", queue_state: "waiting", waiting_reason: "backing_off", eligible: false },
      { ...base, queue_id: id(6), task_id: "task_odd", status: "SOMETHING_NEW", queue_state: "closed", eligible: false },
    ];
    const { page, said } = await person(world);
    const sent = [];
    await page.route(/\/api\/queue\?/, (route) => route.fulfill({ json: { items, next_cursor: null } }));
    await page.route(/\/api\/queue\/\d{32}(\/\w+)?$/, (route) => {
      const [, which, verb] = /\/queue\/(\d{32})(?:\/(\w+))?$/.exec(route.request().url()) ?? [];
      const item = items.find((each) => each.queue_id === which);
      if (route.request().method() === "POST") {
        sent.push([verb, route.request().postDataJSON(), route.request().headers()["x-cortexpilot-role"]]);
        Object.assign(item, { status: "PENDING", queue_state: "eligible", held: undefined });
      }
      return route.fulfill({ json: verb === "history" ? { item, lines: [] } : item });
    });
    await page.route(/\/api\/workers\?/, (route) =>
      route.fulfill({ json: { next_cursor: null, items: [{ worker: "builder-1", principal: "worker:builder", surface: "http", host: "h", pid: 7, slots: 2, running: [], started_at: base.created_at, at: base.created_at, version: "0.1.0", draining: false, cannot: [{ queue_id: id(5), why: "repository /srv/shop is not allowed here" }] }] } }),
    );
    await page.goto(`${world.url}/queue`);
    for (const name of [/^Lost 2/, /^Stopped 1/, /^Expired 1/, /^Failed 1/, /^Not yet 1/]) await page.getByRole("link", { name }).waitFor();
    await page.getByText("Rests before another try").waitFor();
    await page.getByRole("link", { name: /^Failed 1/ }).click();
    await page.getByText("SOMETHING_NEW").waitFor();
    await page.getByRole("link", { name: /^Lost 2/ }).click();
    await page.getByText("no sign of life for 60 s").waitFor();
    await page.getByRole("link", { name: "task_lost" }).click();
    await page.getByRole("button", { name: "Close it as failed…" }).waitFor();
    await page.getByRole("button", { name: "Put it back in the queue…" }).click();
    await page.getByText("would be done a second time").waitFor();
    await page.getByLabel("Reason").fill("the machine is back");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Cancel (rolls back)…" }).waitFor();
    assert.deepEqual(sent, [["requeue", { reason: "the machine is back" }, "OPS"]]);
    await page.goto(`${world.url}/workers`);
    await page.getByText("repository /srv/shop is not allowed here").waitFor();
    assert.deepEqual(said, []);
  }));
