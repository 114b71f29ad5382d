/** What people do at the console, driven in a real browser against the real binary. */

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";

import { HOSTILE, STATIC, World, closeChrome, person } from "./world.mjs";

const RUN = "run_readme_note_083122";

after(closeChrome);

/** Gives a test its own world, and takes it away whatever happens. */
async function within(setup, act) {
  const world = await World.start(setup);
  try {
    await setup.prepare?.(world);
    await world.open();
    await act(world);
  } finally {
    await world.stop();
  }
}

/** The events in the ledger. */
async function ledger(world) {
  const text = await readFile(join(world.root, "queue.jsonl"), "utf8").catch(() => "");
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** Fills in a decision on the preview page. */
async function decide(page, { reason = "rerun after the fix", typed = RUN.slice(-6) } = {}) {
  await page.getByLabel("Reason").fill(reason);
  await page.getByLabel(/Type the/).fill(typed);
}

test("a one-time address signs in once, leaves the address, and is worth nothing a second time", () =>
  within({}, async (world) => {
    const address = world.console.loginUrl(STATIC);
    const one = await person(world, {});
    await one.page.goto("about:blank");
    await one.page.goto(address);
    await one.page.getByRole("heading", { name: "Overview" }).waitFor();
    assert.equal(new URL(one.page.url()).hash, "", "the secret is out of the address");
    const kept = await one.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.ok(!kept.includes(STATIC), "no script of the page can read the token");
    await one.context.clearCookies();
    await one.page.goto("about:blank");
    await one.page.goto(address);
    await one.page.getByText("Nobody was signed in").waitFor();
    await one.page.getByRole("textbox", { name: "Token" }).fill("no such token");
    await one.page.getByRole("button", { name: "Sign in" }).click();
    await one.page.getByText("This token is not known here.").waitFor();
    await one.page.getByRole("textbox", { name: "Token" }).fill(STATIC);
    await one.page.keyboard.press("Enter");
    await one.page.getByRole("heading", { name: "Overview" }).waitFor();
    await one.page.getByRole("button", { name: /\(OPS\)/ }).click();
    await one.page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
    await one.page.getByRole("textbox", { name: "Token" }).waitFor();
    await one.page.goto(`${world.console.url}/queue`);
    await one.page.getByRole("textbox", { name: "Token" }).waitFor();
    assert.deepEqual(one.said, []);
    await one.context.close();
  }));

test("where queueing is off the preview says what would happen, which check is shut and how it is opened, and nothing can be queued", () =>
  within({}, async (world) => {
    const { page, context, said } = await person(world, { path: `/runs/${RUN}/queue` });
    await page.getByRole("heading", { name: "What would happen" }).waitFor();
    await page.getByText("docs/README.md").first().waitFor();
    await page.getByText("no network").waitFor();
    await page.getByText("MUTATION_GATE_CLOSED").waitFor();
    await page.getByText("CORTEXPILOT_MCP_QUEUE_PILOT_ENABLE_APPLY=1 cortexpilot serve").waitFor();
    const button = page.getByRole("button", { name: "Queue it" });
    assert.equal(await button.getAttribute("aria-disabled"), "true");
    await page.getByText("A check is shut; see above who can open it.").waitFor();
    await decide(page);
    await button.click({ force: true });
    await page.waitForTimeout(300);
    assert.deepEqual(await ledger(world), []);
    assert.deepEqual((await world.api("GET", "/api/decisions?cursor=")).body.items, [], "a button that is off asks the server nothing");
    assert.deepEqual(said, []);
    await context.close();
  }));

test("preview, queue it, watch a worker finish it: one page from the question to the end", () =>
  within({ gate: true }, async (world) => {
    const { page, context, said } = await person(world, { path: `/runs/${RUN}/queue?priority=7` });
    await page.getByRole("heading", { name: "What would happen" }).waitFor();
    const differs = page.locator("tr", { hasText: "Priority" });
    assert.equal(await differs.locator("del").innerText(), "0");
    assert.equal(await differs.locator("ins").innerText(), "7");
    await page.getByRole("button", { name: "Queue it" }).click();
    await page.getByText("The reason is empty.").waitFor();
    await page.getByLabel("Reason").fill("a hidden \u202e turn");
    await page.getByText("The reason holds a hidden character (U+202E).").waitFor();
    await decide(page, { typed: "wrong" });
    await page.getByRole("button", { name: "Queue it" }).click();
    await page.waitForTimeout(200);
    assert.deepEqual(await ledger(world), [], "nothing is queued before all is said");
    await decide(page);
    await page.getByRole("button", { name: "Queue it" }).click();
    await page.waitForURL(/\/queue\/[0-9a-f]{32}$/);
    const stages = page.getByRole("list", { name: "The way of this item" });
    await stages.getByText("Queued").waitFor();
    const [line] = await ledger(world);
    assert.equal(line.event, "QUEUE_ENQUEUE");
    assert.equal(line.priority, 7);
    assert.equal(line.approval_reason, "rerun after the fix");
    assert.equal(line.pilot_source, "http_control_plane");

    const worker = await world.token("worker", "builder");
    const claim = (await world.api("POST", "/api/queue/claim", { worker: "builder-1" }, worker)).body;
    await page.getByText("Ask it to stop (does not undo)").waitFor();
    assert.equal(await page.getByText("Cancel (rolls back)").count(), 0, "a claimed item has no rollback any more");
    await world.api("POST", `/api/queue/${claim.item.queue_id}/complete`, { lease_token: claim.lease_token, status: "SUCCESS" }, worker);
    await stages.getByText("Succeeded").waitFor();
    await page.getByText("It is over").waitFor();
    assert.deepEqual(said, []);
    await context.close();
  }));

test("preview, queue it, and the worker of the demonstration carries it out: the item's page leads to the run that came of it", async (context) => {
  const world = await World.demo();
  try {
    if ((await world.api("GET", "/api/workers", undefined, world.demoToken)).status === 404) {
      context.skip("this binary is of a version without a worker");
      return;
    }
    const { page, context: browser, said } = await person(world, { token: world.demoToken, path: "/runs/run_demo_quote_cache/queue" });
    await page.getByRole("heading", { name: "What would happen" }).waitFor();
    await decide(page, { typed: "_cache" });
    await page.getByRole("button", { name: "Queue it" }).click();
    await page.waitForURL(/\/queue\/[0-9a-f]{32}$/);
    await page.getByRole("list", { name: "The way of this item" }).getByText(/Succeeded|Failed/).waitFor({ timeout: 60_000 });
    await page.getByRole("link", { name: /^run_\d{8}/ }).click();
    await page.getByRole("heading", { name: "How it ended" }).waitFor();
    await page.getByRole("link", { name: "Queue history" }).click();
    await page.getByText("this run came of it").waitFor();
    await page.goto(`${world.console.url}/workers`);
    await page.getByText("Idle").waitFor();
    assert.deepEqual(said, []);
    await browser.close();
  } finally {
    await world.stop();
  }
});

test("cancelling rolls back with a reason, one or many, and says which were not", () =>
  within({ gate: true }, async (world) => {
    for (let at = 0; at < 3; at += 1) await world.enqueue(RUN, { priority: at });
    const { page, context, said } = await person(world, { path: "/queue" });
    await page.getByRole("link", { name: /^Open 3/ }).waitFor();
    for (const box of await page.getByRole("checkbox", { name: /Select/ }).all()) await box.check();
    const worker = await world.token("worker", "builder");
    // Claimed between the look and the click: the rest is cancelled all the same.
    await page.getByRole("button", { name: "Cancel 3 (rolls back)…" }).click();
    await page.getByLabel("Reason").fill("changed our minds");
    await world.api("POST", "/api/queue/claim", { worker: "builder-1" }, worker);
    await page.keyboard.press("Enter");
    await page.getByText("2 items cancelled, 1 not").waitFor();
    await page.getByRole("link", { name: /^Cancelled 2/ }).waitFor();
    await page.getByRole("link", { name: /^Claimed 1/ }).waitFor();
    const events = (await ledger(world)).filter((line) => line.event === "QUEUE_CANCEL");
    assert.deepEqual(events.map((line) => line.reason), ["changed our minds", "changed our minds"]);
    assert.deepEqual(said, []);
    await context.close();
  }));

test("a preview that went stale is no error page: what changed stands side by side, and one button looks again", () =>
  within({ gate: true }, async (world) => {
    const { page, context, said } = await person(world, { path: `/runs/${RUN}/queue` });
    await page.getByRole("heading", { name: "What would happen" }).waitFor();
    await world.enqueue(RUN, { priority: 3 });
    await decide(page);
    await page.getByRole("button", { name: "Queue it" }).click();
    await page.getByRole("heading", { name: "This preview is out of date" }).waitFor();
    await page.getByRole("columnheader", { name: "As you saw it" }).waitFor();
    await page.getByRole("button", { name: "Preview again" }).click();
    await page.getByText("Something changed since you last looked").waitFor();
    await page.getByText("An item of this run waits already").waitFor();
    assert.equal((await ledger(world)).length, 1);
    await decide(page);
    await page.getByRole("button", { name: "Queue it" }).click();
    await page.waitForURL(/\/queue\/[0-9a-f]{32}$/);
    assert.equal((await ledger(world)).length, 2);
    assert.deepEqual(said, []);
    await context.close();
  }));

test("an agent's request is approved with the keyboard alone, after the effect was on screen", () =>
  within({ gate: true, policy: "operator" }, async (world) => {
    const agent = await world.token("agent", "claude");
    await world.enqueue(RUN, { token: agent, reason: `please ${HOSTILE.rtl}` });
    const { page, context, said } = await person(world, { path: "/" });
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.getByText("agent:claude asks").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.getByRole("heading", { name: "What would happen" }).waitFor();
    await page.getByRole("button", { name: "Approve…" }).and(page.locator("[aria-disabled=false]")).waitFor();
    await page.keyboard.press("a");
    await page.getByRole("heading", { name: "Approve, and queue it?" }).waitFor();
    await page.keyboard.type("looked at it");
    await page.keyboard.press("Enter");
    await page.getByText("Approved and queued").waitFor();
    const [line] = await ledger(world);
    assert.deepEqual(line.approvals, ["token:api (OPS)"]);
    assert.equal(line.principal, "agent:claude");
    assert.deepEqual(said, []);
    await context.close();
  }));

test("two people in two browsers agree; who asked sees plainly that it is not theirs to approve; a reject keeps its reason", () =>
  within({ gate: true, policy: "two-person" }, async (world) => {
    const [alice, bob, carol] = await Promise.all(["alice", "bob", "carol"].map((name) => world.token("operator", name)));
    const asker = await person(world, { token: alice, path: `/runs/${RUN}/queue` });
    await asker.page.getByRole("heading", { name: "What would happen" }).waitFor();
    await decide(asker.page);
    await asker.page.getByRole("button", { name: "Ask for approval" }).click();
    await asker.page.getByText("You asked for this yourself: somebody else has to agree.").waitFor();
    assert.equal(await asker.page.getByRole("button", { name: "Approve…" }).getAttribute("aria-disabled"), "true");
    assert.deepEqual(await ledger(world), []);

    const agree = async (who, title) => {
      const { page } = await person(world, { token: who, path: "/approvals" });
      await page.getByRole("button", { name: "Approve…" }).and(page.locator("[aria-disabled=false]")).click();
      await page.getByRole("heading", { name: title }).waitFor();
      await page.keyboard.press("Enter");
      return page;
    };
    const first = await agree(bob, "Say yes?");
    await first.getByText("You have said yes. Another person has to as well.").waitFor();
    assert.deepEqual(await ledger(world), [], "one of two queues nothing");
    const second = await agree(carol, "Approve, and queue it?");
    await second.getByText("Approved and queued").waitFor();
    await asker.page.getByText("Approved and queued").waitFor();
    const [line] = await ledger(world);
    assert.deepEqual(line.approvals, ["operator:bob (OPS)", "operator:carol (OPS)"]);

    await world.writeRun("run_other_task_445566");
    await world.enqueue("run_other_task_445566", { token: alice });
    await second.goto(`${world.console.url}/approvals`);
    await second.getByRole("button", { name: "Reject…" }).click();
    await second.keyboard.press("Enter");
    await second.getByText("The reason is empty.").waitFor();
    await second.getByLabel("Reason").fill("not this week");
    await second.keyboard.press("Enter");
    await second.getByRole("link", { name: /^Decided 2/ }).click();
    await second.getByText("not this week").waitFor();
    assert.equal((await ledger(world)).length, 1);
    assert.deepEqual(asker.said, []);
  }));

test("a cut connection is said plainly, and what happened meanwhile is there when it is back", () =>
  within({ gate: true }, async (world) => {
    const { page, context } = await person(world, { path: "/queue" });
    await page.getByText("● live").waitFor();
    world.console.cut(true);
    await page.getByText(/^Not connected for/).waitFor();
    await page.getByText(/stale \d/).waitFor();
    await world.enqueue(RUN, { priority: 9 });
    world.console.cut(false);
    await page.getByRole("link", { name: "task_readme_note_083122" }).waitFor({ timeout: 20_000 });
    await page.getByText(/^Not connected for/).waitFor({ state: "detached" });
    await page.getByText("● live").waitFor();
    await context.close();
  }));

test("rows do not move under a hand: while the pointer is in the list, new ones wait behind a button", () =>
  within({ gate: true }, async (world) => {
    const first = await world.enqueue(RUN, { priority: 1 });
    const { page, context } = await person(world, { path: "/queue" });
    const rows = page.getByRole("listitem").filter({ has: page.getByRole("checkbox") });
    await rows.first().hover();
    await world.enqueue(RUN, { priority: 9 });
    await page.getByRole("button", { name: "1 new" }).waitFor();
    assert.equal(await rows.count(), 1);
    // What is known of a row changes in its place.
    await world.api("POST", `/api/queue/${first.queue_id}/cancel`, { reason: "no" });
    await rows.first().getByText("Cancelled").waitFor();
    await page.getByRole("button", { name: "1 new" }).click();
    await rows.first().getByText("9", { exact: true }).waitFor();
    assert.equal(await rows.count(), 1);
    await context.close();
  }));

test("a freeze is on every page at once, says by whom, and ends with a reason", () =>
  within({ gate: true }, async (world) => {
    const { page, context, said } = await person(world, { path: "/runs" });
    await page.getByRole("button", { name: /Agents may queue/ }).click();
    await page.getByRole("button", { name: "Freeze…" }).click();
    await page.getByRole("dialog").getByLabel("Reason").fill("an agent in a loop");
    await page.keyboard.press("Enter");
    await page.getByText(/FROZEN by token:api/).waitFor();
    await page.goto(`${world.console.url}/runs/${RUN}/queue`);
    await page.getByText("FROZEN", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: /Agents may queue/ }).click();
    await page.getByRole("button", { name: "Unfreeze…" }).click();
    await page.getByRole("dialog").getByLabel("Reason").fill("it was stopped");
    await page.keyboard.press("Enter");
    await page.getByText(/FROZEN by token:api/).waitFor({ state: "detached" });
    assert.deepEqual(said, []);
    await context.close();
  }));

test("the ledger is recomputed in the browser, the exported evidence verifies elsewhere, and one flipped byte fails both", () =>
  within({ gate: true }, async (world) => {
    for (let at = 0; at < 5; at += 1) await world.enqueue(RUN, { priority: at, reason: `reason ${at} ${HOSTILE.rtl}` });
    await world.command("audit", "init-key", "--name", "ops.example.com/tests");
    const item = await world.enqueue(RUN, { priority: 50 });
    await world.command("audit", "checkpoint");
    const key = (await world.api("GET", "/api/ledger/checkpoints")).body.find((each) => each.file === "queue.jsonl").key;
    const { page, context, said } = await person(world, { path: "/audit?tab=verify" });
    await page.getByLabel("Public key that you noted").fill(key);
    await page.getByRole("button", { name: "Verify the ledger" }).click();
    await page.getByText("Recomputed here, and it holds").waitFor();
    await page.getByText("By the key that you noted.").waitFor();
    await page.getByText("6 lines are chained, each to the one before").waitFor();

    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export evidence" }).click()]);
    const file = join(world.root, "evidence.jsonl");
    await download.saveAs(file);
    const sound = await world.command("audit", "verify", "--bundle", file, "--key", key);
    assert.ok(sound, "the command line agrees");
    const evidence = await readFile(file, "utf8");
    const flipped = join(world.root, "flipped.jsonl");
    await writeFile(flipped, evidence.replace("reason 3", "reason 8"));
    await assert.rejects(world.command("audit", "verify", "--bundle", flipped, "--key", key));

    await page.getByLabel("Evidence file or receipt").setInputFiles(file);
    await page.getByText("all 6 lines come to the checkpoint’s root").waitFor();
    await page.getByLabel("Evidence file or receipt").setInputFiles(flipped);
    await page.getByText("It does not hold").waitFor();

    // One line, by its receipt, on the item's page.
    await page.goto(`${world.console.url}/queue/${item.queue_id}`);
    await page.getByRole("button", { name: "Verify here" }).first().click();
    await page.getByText("The line that you see is the line of the receipt").waitFor();
    await page.getByText("Line 6 is one of the 6 lines under the checkpoint").waitFor();
    await page.getByText("Recomputed here, and it holds").waitFor();
    // A receipt that lies: the same answer with one hash changed on its way here.
    await page.route(/\/receipt/, async (route) => {
      const answer = await route.fetch();
      const receipt = await answer.json();
      receipt.inclusion[0] = receipt.inclusion[0].replace(/^./, (digit) => (digit === "0" ? "1" : "0"));
      await route.fulfill({ response: answer, json: receipt });
    });
    await page.getByRole("button", { name: "Verify here" }).first().click();
    await page.getByText("It does not hold").waitFor();
    await page.getByText("The hashes lead to another root.").waitFor();
    assert.deepEqual(said, []);
    await context.close();
  }));

test("whatever can be done here can be copied as a command and as curl, without a token in it", () =>
  within({ gate: true }, async (world) => {
    const item = await world.enqueue(RUN);
    const { page, context } = await person(world, { path: `/queue/${item.queue_id}` });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Copy as…" }).nth(1).click();
    await page.getByRole("menuitem", { name: "Copy as command" }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `cortexpilot queue cancel ${item.queue_id} --reason REASON`);
    await page.getByRole("button", { name: /Copied|Copy as…/ }).nth(1).click();
    await page.getByRole("menuitem", { name: "Copy as curl" }).click();
    const curl = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(curl, /^curl -sS -X POST http:\/\/127\.0\.0\.1:\d+\/api\/queue\/[0-9a-f]{32}\/cancel -H "Authorization: Bearer \$CORTEXPILOT_TOKEN"/);
    assert.ok(!curl.includes(STATIC));
    await context.close();
  }));

test("an agent that signs in sees what it may, and what it may not do says so", () =>
  within({ gate: true, policy: "operator" }, async (world) => {
    const agent = await world.token("agent", "claude");
    const { page, context } = await person(world, { token: agent, path: "/tokens" });
    await page.getByText("You may not do this").waitFor();
    await page.goto(`${world.console.url}/audit?tab=verify`);
    await page.getByRole("button", { name: "Verify the ledger" }).click();
    await page.getByText("That did not work").waitFor();
    await page.goto(`${world.console.url}/nowhere`);
    await page.getByText("There is no such page").waitFor();
    await page.goto(`${world.console.url}/runs/run_that_is_not_here`);
    await page.getByText("It is not here").waitFor();
    await context.close();
  }));

test("states and routes of newer servers have their words and their verbs: lost, out of tries, stopped, expired, workers, pause", () =>
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
    const { page, context, said } = await person(world);
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
    await page.route(/\/api\/workers$/, (route) =>
      route.fulfill({ json: [{ worker: "builder-1", host: "h", pid: 7, slots: 2, running: [], started_at: base.created_at, at: base.created_at, version: "0.1.0", draining: false, cannot: [{ queue_id: id(5), why: "repository /srv/shop is not allowed here" }] }] }),
    );
    await page.goto(`${world.console.url}/queue`);
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
    await page.goto(`${world.console.url}/workers`);
    await page.getByText("repository /srv/shop is not allowed here").waitFor();
    assert.deepEqual(said, []);
    await context.close();
  }));

test("a worker that fell silent: asked to stop, taken from it, held, put back, closed; claiming paused and resumed", (context) =>
  within({ gate: true }, async (world) => {
    if ((await world.api("GET", "/api/workers")).status === 404) {
      context.skip("this binary is of a version in which workers do not say that they are there");
      return;
    }
    const made = await world.enqueue(RUN);
    const worker = await world.token("worker", "builder");
    const claim = async () => (await world.api("POST", "/api/queue/claim", { worker: "builder-1" }, worker)).body;
    const { page, context: browser, said } = await person(world, { path: `/queue/${made.queue_id}` });
    const say = async (button, reason) => {
      await page.getByRole("button", { name: button }).click();
      await page.getByRole("dialog").getByLabel("Reason").fill(reason);
      await page.keyboard.press("Enter");
    };
    await page.getByText("As the task contract says that was kept when it was queued").waitFor();
    assert.equal((await claim()).ok, true);
    await say("Ask it to stop (does not undo)…", "wrong branch");
    await page.getByText("It has been asked to stop").waitFor();
    await say("Take it from its worker…", "it does not listen");
    await page.getByText("Held").or(page.getByText("Lost")).first().waitFor();
    await say("Put it back in the queue…", "the machine is back");
    await page.getByRole("button", { name: "Cancel (rolls back)…" }).waitFor();

    await page.goto(`${world.console.url}/workers`);
    await say("Pause claiming…", "a release is on");
    await page.getByText(/Claiming is paused by token:api/).waitFor();
    assert.equal((await claim()).ok, false);
    await say("Resume claiming…", "the release is out");
    await page.getByText(/Claiming is paused/).waitFor({ state: "detached" });
    await world.api("POST", "/api/workers/presence", { worker: "builder-1", host: "here", slots: 2 }, worker);
    await page.getByRole("heading", { name: "builder-1" }).waitFor();

    assert.equal((await claim()).ok, true);
    await page.goto(`${world.console.url}/queue/${made.queue_id}`);
    await say("Take it from its worker…", "gone");
    await say("Close it as failed…", "not worth another try");
    await page.getByText("It is over").waitFor();
    const events = (await ledger(world)).map((line) => line.event);
    assert.deepEqual(events, ["QUEUE_ENQUEUE", "QUEUE_CLAIM", "QUEUE_STOP", "QUEUE_HOLD", "QUEUE_REQUEUE", "QUEUE_CLAIM", "QUEUE_HOLD", "QUEUE_DONE"]);
    assert.deepEqual(said, []);
    await browser.close();
  }));

test("the queue by keyboard alone: go there, walk, open, close, select, cancel", () =>
  within({ gate: true }, async (world) => {
    for (let at = 0; at < 3; at += 1) await world.enqueue(RUN, { priority: at });
    const { page, context, said } = await person(world);
    await page.keyboard.press("g");
    await page.keyboard.press("q");
    await page.getByRole("link", { name: /^Open 3/ }).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByText("Ready for the next worker").waitFor();
    assert.match(page.url(), /item=[0-9a-f]{32}/);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.doesNotMatch(page.url(), /item=/);
    await page.keyboard.press("x");
    await page.keyboard.press("k");
    await page.keyboard.press("x");
    await page.getByText("2 selected").waitFor();
    await page.keyboard.press("c");
    await page.getByRole("heading", { name: "Cancel 2 items?" }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: /^Cancelled 2/ }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("nothing like it");
    await page.getByText("Nothing here matches the filter").waitFor();
    assert.match(page.url(), /q=nothing/);
    assert.deepEqual(said, []);
    await context.close();
  }));
