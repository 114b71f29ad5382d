/** What is live and what only looks so: cuts, their end, rows under a hand, and time that passes without a word from the ledger. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { RUN, closeChrome, person, within } from "./world.mjs";

after(closeChrome);

test("a cut connection is said plainly, and what happened meanwhile is there when it is back", () =>
  within({ gate: true, wire: true }, async (world) => {
    const { page } = await person(world, { path: "/queue" });
    await page.getByText("● live").waitFor();
    const resumed = page.waitForRequest((request) => request.url().includes("/api/queue/stream") && request.headers()["last-event-id"] !== undefined, { timeout: 60_000 });
    world.wire.cut(true);
    await page.getByText(/^Not connected for/).waitFor();
    await page.getByText("What you see is as it was then.").waitFor();
    await page.getByText(/stale \d/).waitFor();
    assert.equal(await page.getByText("● live").count(), 0, "nothing says live while it is not");
    await world.enqueue(RUN, { priority: 9 });
    world.wire.cut(false);
    await page.getByRole("link", { name: "task_readme_note_083122" }).waitFor();
    await page.getByText(/^Not connected for/).waitFor({ state: "detached" });
    await page.getByText("● live").waitFor();
    assert.ok(await resumed, "it went on after the last event that it had");
  }));

test("a server that was started anew is the same queue, gone on with", () =>
  within({ gate: true, wire: true }, async (world) => {
    await world.enqueue(RUN, { priority: 1 });
    const { page } = await person(world, { path: "/queue" });
    await page.getByRole("link", { name: /^Open 1/ }).waitFor();
    await world.gone();
    await page.getByText(/^Not connected for/).waitFor();
    await world.open();
    await world.enqueue(RUN, { priority: 2 });
    await page.getByRole("link", { name: /^Open 2/ }).waitFor({ timeout: 60_000 });
    await page.getByText("● live").waitFor();
  }));

test("rows do not move under a hand: while the pointer is in the list, new ones wait behind a button", () =>
  within({ gate: true }, async (world) => {
    const first = await world.enqueue(RUN, { priority: 1 });
    const { page } = await person(world, { path: "/queue" });
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
  }));

test("an item whose time comes is ready without a word from the ledger", () =>
  within({ gate: true }, async (world) => {
    await world.enqueue(RUN, { scheduled_at: new Date(Date.now() + 6_000).toISOString() });
    const { page } = await person(world, { path: "/queue" });
    await page.getByRole("link", { name: /^Not yet 1/ }).waitFor();
    await page.getByRole("link", { name: /^Ready 1/ }).waitFor();
    await page.getByRole("link", { name: /^Not yet 0/ }).waitFor();
    assert.equal((await world.ledger()).length, 1);
  }));

test("a freeze is on every page at once, says by whom, and ends with a reason", () =>
  within({ gate: true }, async (world) => {
    const { page, said } = await person(world, { path: "/runs" });
    const other = await person(world, { path: "/audit" });
    const give = async (button, reason) => {
      await page.getByRole("button", { name: /Agents may queue/ }).click();
      await page.getByRole("button", { name: button }).click();
      await page.getByRole("dialog").getByLabel("Reason").fill(reason);
      await page.keyboard.press("Enter");
    };
    await give("Freeze…", "an agent in a loop");
    for (const who of [page, other.page]) await who.getByText(/FROZEN by token:api/).waitFor();
    await other.page.getByText("an agent in a loop").first().waitFor();
    await page.goto(`${world.url}/runs/${RUN}/queue`);
    await page.getByText("FROZEN", { exact: true }).first().waitFor();
    await give("Unfreeze…", "it was stopped");
    for (const who of [page, other.page]) await who.getByText(/FROZEN by token:api/).waitFor({ state: "detached" });
    assert.deepEqual(said, []);
  }));
