/** Requests that people decide: by keyboard, by two people, by nobody who asked, and one at a time. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { HOSTILE, RUN, closeChrome, decide, person, within } from "./world.mjs";

after(closeChrome);

test("an agent's request is approved with the keyboard alone, after the effect was on screen", () =>
  within({ gate: true, policy: "operator" }, async (world) => {
    const agent = await world.token("agent", "claude");
    await world.enqueue(RUN, { token: agent, reason: `please ${HOSTILE.rtl}` });
    const { page, said } = await person(world, { path: "/" });
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
    const [line] = await world.ledger();
    assert.deepEqual(line.approvals, ["token:api (OPS)"]);
    assert.equal(line.principal, "agent:claude");
    assert.deepEqual(said, []);
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
    assert.deepEqual(await world.ledger(), []);

    const agree = async (who, title) => {
      const { page } = await person(world, { token: who, path: "/approvals" });
      await page.getByRole("button", { name: "Approve…" }).and(page.locator("[aria-disabled=false]")).click();
      await page.getByRole("heading", { name: title }).waitFor();
      await page.keyboard.press("Enter");
      return page;
    };
    const first = await agree(bob, "Say yes?");
    await first.getByText("You have said yes. Another person has to as well.").waitFor();
    assert.deepEqual(await world.ledger(), [], "one of two queues nothing");
    const second = await agree(carol, "Approve, and queue it?");
    await second.getByText("Approved and queued").waitFor();
    await asker.page.getByText("Approved and queued").waitFor();
    const [line] = await world.ledger();
    assert.deepEqual(line.approvals, ["operator:bob (OPS)", "operator:carol (OPS)"]);

    await world.writeRun("run_other_task_445566");
    await world.enqueue("run_other_task_445566", { token: alice });
    await second.goto(`${world.url}/approvals`);
    await second.getByRole("button", { name: "Reject…" }).click();
    await second.keyboard.press("Enter");
    await second.getByText("The reason is empty.").waitFor();
    await second.getByLabel("Reason").fill("not this week");
    await second.keyboard.press("Enter");
    await second.getByRole("link", { name: /^Decided 2/ }).click();
    await second.getByText("not this week").waitFor();
    assert.equal((await world.ledger()).length, 1);
    assert.deepEqual(asker.said, []);
  }));

test("requests with one effect stand together, others apart, and a request is decided one at a time", () =>
  within({ gate: true, policy: "operator" }, async (world) => {
    const [claude, codex] = await Promise.all([world.token("agent", "claude"), world.token("agent", "codex")]);
    const same = { task: "task_same", spec: "the same" };
    await Promise.all(["run_same_one_000001", "run_same_two_000002"].map((id) => world.writeRun(id, same)));
    for (const id of ["run_same_one_000001", "run_same_two_000002"]) await world.enqueue(id, { token: claude });
    await world.enqueue("run_same_one_000001", { token: codex, priority: 3 });
    await world.enqueue(RUN, { token: claude });
    const { page, said } = await person(world, { path: "/approvals" });
    await page.getByRole("link", { name: /^To decide 4/ }).waitFor();
    await page.getByText("2 requests like this: one asker, one effect").waitFor();
    assert.equal(await page.getByRole("group", { name: "Requests" }).getByRole("region").count(), 3);
    assert.equal(await page.getByRole("button", { name: /approve all/i }).count(), 0);
    // Down the list and back by keyboard, each with its own address.
    const first = new URL(page.url()).searchParams.get("open");
    await page.keyboard.press("j");
    await page.waitForURL(/open=apr_/);
    const second = page.url();
    await page.keyboard.press("j");
    await page.waitForURL((url) => url.href !== second);
    await page.keyboard.press("k");
    await page.waitForURL(second);
    assert.notEqual(new URL(second).searchParams.get("open"), first);
    assert.deepEqual(said, []);
  }));

test("a yes counts only after the effect was on screen: the key does nothing before", () =>
  within({ gate: true, policy: "operator" }, async (world) => {
    const agent = await world.token("agent", "claude");
    await world.enqueue(RUN, { token: agent });
    // The effect is so far down that a small window does not show it.
    const { page } = await person(world, { path: "/approvals", height: 300 });
    const button = page.getByRole("button", { name: "Approve…" });
    await button.and(page.locator("[aria-disabled=true]")).waitFor();
    await page.getByText("Look at the effect first.").waitFor();
    await page.keyboard.press("a");
    assert.equal(await page.getByRole("dialog").count(), 0);
    await page.getByRole("heading", { name: "What would happen" }).evaluate((heading) => heading.scrollIntoView({ block: "start" }));
    await button.and(page.locator("[aria-disabled=false]")).waitFor();
    await page.keyboard.press("a");
    await page.getByRole("heading", { name: "Approve, and queue it?" }).waitFor();
  }));

test("an agent that signs in sees what it may, and what it may not do says so", () =>
  within({ gate: true, policy: "operator" }, async (world) => {
    const agent = await world.token("agent", "claude");
    const { page } = await person(world, { token: agent, path: "/tokens" });
    await page.getByText("You may not do this").waitFor();
    await page.goto(`${world.url}/audit?tab=verify`);
    await page.getByRole("button", { name: "Verify the ledger" }).click();
    await page.getByText("That did not work").waitFor();
    await page.goto(`${world.url}/nowhere`);
    await page.getByText("There is no such page").waitFor();
    await page.goto(`${world.url}/runs/run_that_is_not_here`);
    await page.getByText("It is not here").waitFor();
  }));
