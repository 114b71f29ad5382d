/** The queue: cancelling one and many, the keyboard, and every state that an item can be in. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { RUN, closeChrome, person, say, within } from "./world.mjs";

after(closeChrome);

test("one item is cancelled from its page, and the page says what that undoes", () =>
  within({ gate: true }, async (world) => {
    const { queue_id: id } = await world.enqueue(RUN);
    const { page, said } = await person(world, { path: `/queue/${id}` });
    await page.getByRole("button", { name: "Cancel (rolls back)…" }).click();
    await page.getByText("nothing has happened yet, and nothing will").waitFor();
    await page.keyboard.press("Escape");
    assert.equal((await world.ledger()).length, 1, "looking at it does nothing");
    await say(page, "Cancel (rolls back)…", "not needed");
    await page.getByText("It was rolled back.").waitFor();
    const [, line] = await world.ledger();
    assert.equal(line.event, "QUEUE_CANCEL");
    assert.equal(line.reason, "not needed");
    assert.equal(line.cancelled_by, "token:api (OPS)");
    assert.equal(await page.getByRole("button", { name: "Cancel (rolls back)…" }).count(), 0);
    assert.deepEqual(said, []);
  }));

test("cancelling rolls back with a reason, one or many, and says which were not", () =>
  within({ gate: true }, async (world) => {
    for (let at = 0; at < 3; at += 1) await world.enqueue(RUN, { priority: at });
    const { page, said } = await person(world, { path: "/queue" });
    await page.getByRole("link", { name: /^Open 3/ }).waitFor();
    await page.getByRole("checkbox", { name: /Select/ }).nth(2).waitFor();
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
    const events = (await world.ledger()).filter((line) => line.event === "QUEUE_CANCEL");
    assert.deepEqual(events.map((line) => line.reason), ["changed our minds", "changed our minds"]);
    assert.deepEqual(said, []);
  }));

test("the queue says who asked, is filtered by it, and its address brings the same view back", () =>
  within({ gate: true, policy: "declared" }, async (world) => {
    const [claude, alice] = await Promise.all([world.token("agent", "claude"), world.token("operator", "alice")]);
    await world.writeRun("run_other_task_445566");
    await world.enqueue(RUN, { token: claude });
    await world.enqueue("run_other_task_445566", { token: alice });
    const { page, said } = await person(world, { path: "/queue" });
    const row = (task) => page.getByRole("listitem").filter({ hasText: task });
    await row("task_readme_note_083122").getByText("agent:claude").waitFor();
    await row("task_other_task_445566").getByText("operator:alice").waitFor();
    await page.getByRole("searchbox").fill("agent:claude");
    await row("task_other_task_445566").waitFor({ state: "detached" });
    await page.waitForURL(/q=agent%3Aclaude/);
    await page.getByRole("link", { name: "task_readme_note_083122" }).click();
    await page.getByRole("dialog").getByText("Ready for the next worker").waitFor();
    const again = await person(world, { path: page.url().slice(world.url.length) });
    await again.page.getByRole("dialog").getByRole("heading", { name: "task_readme_note_083122" }).waitFor();
    assert.equal(await again.page.getByText("task_other_task_445566").count(), 0);
    assert.deepEqual(said, []);
  }));

test("the queue by keyboard alone: go there, walk, open, close, select, cancel", () =>
  within({ gate: true }, async (world) => {
    for (let at = 0; at < 3; at += 1) await world.enqueue(RUN, { priority: at });
    const { page, said } = await person(world);
    await page.keyboard.press("g");
    await page.keyboard.press("q");
    await page.getByRole("link", { name: /^Open 3/ }).waitFor();
    await page.getByRole("checkbox", { name: /Select/ }).nth(2).waitFor();
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
  }));
