/** The audit: recomputed in the browser, taken away, and verified where no server is; and a word for each line. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { HOSTILE, RUN, closeChrome, person, within } from "./world.mjs";

after(closeChrome);

const run = promisify(execFile);

test("the ledger is recomputed in the browser, the exported evidence verifies elsewhere, and one flipped byte fails both", () =>
  within({ gate: true }, async (world) => {
    for (let at = 0; at < 5; at += 1) await world.enqueue(RUN, { priority: at, reason: `reason ${at} ${HOSTILE.rtl}` });
    await world.command("audit", "init-key", "--name", "ops.example.com/tests");
    const item = await world.enqueue(RUN, { priority: 50 });
    await world.command("audit", "checkpoint");
    const key = (await world.api("GET", "/api/ledger/checkpoints")).body.find((each) => each.file === "queue.jsonl").key;
    const { page, said } = await person(world, { path: "/audit?tab=verify" });
    await page.getByLabel("Public key that you noted").fill(key);
    await page.getByRole("button", { name: "Verify the ledger" }).click();
    await page.getByText("Recomputed here, and it holds").waitFor();
    assert.equal(await page.getByText("By the key that you noted.").count(), 2, "one secret signs both files");
    await page.getByText("queue.jsonl: 6 lines are chained, each to the one before").waitFor();

    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export evidence" }).click()]);
    const file = join(world.root, "evidence.jsonl");
    await download.saveAs(file);
    const evidence = await readFile(file, "utf8");
    const flipped = join(world.root, "flipped.jsonl");
    await writeFile(flipped, evidence.replace("reason 3", "reason 8"));

    await page.getByLabel("Evidence file or receipt").setInputFiles(file);
    await page.getByText("all 6 lines come to the checkpoint’s root").waitFor();
    await page.getByLabel("Evidence file or receipt").setInputFiles(flipped);
    await page.getByText("It does not hold").waitFor();

    // One line, by its receipt, on the item's page.
    await page.goto(`${world.url}/queue/${item.queue_id}`);
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
  }));

test("exported evidence verifies with the server, its files and its browser gone; one flipped byte, at whatever place, fails it", async () => {
  const away = await mkdtemp(join(tmpdir(), "away-"));
  try {
    const file = join(away, "evidence.jsonl");
    let key;
    await within({ gate: true }, async (world) => {
      await world.command("audit", "init-key", "--name", "ops.example.com/tests");
      for (let at = 0; at < 4; at += 1) await world.enqueue(RUN, { priority: at, reason: `reason ${at}` });
      await world.command("audit", "checkpoint");
      key = (await world.api("GET", "/api/ledger/checkpoints")).body.find((each) => each.file === "queue.jsonl").key;
      const { page } = await person(world, { path: "/audit?tab=verify" });
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export evidence" }).click()]);
      await download.saveAs(file);
    });
    const verify = (which) => run(process.env.CORTEXPILOT_TEST_BINARY, ["audit", "verify", "--bundle", which, "--key", key], { cwd: away, env: { PATH: "", HOME: away } });
    const { stdout } = await verify(file);
    assert.match(stdout, /queue\.jsonl[^]*all of 4[^]*decisions\.jsonl/);
    const bytes = await readFile(file);
    const places = [0.1, 0.3, 0.5, 0.7, 0.9].map((part) => Math.floor(bytes.length * part));
    for (const at of [bytes.indexOf("reason 2") + 7, ...places]) {
      const flipped = Buffer.from(bytes);
      flipped[at] ^= 1;
      const other = join(away, `flipped-${at}.jsonl`);
      await writeFile(other, flipped);
      await assert.rejects(verify(other), (error) => error.code > 0, `byte ${at} of ${bytes.length}`);
    }
  } finally {
    await rm(away, { recursive: true, force: true });
  }
});

test("a file is verified in the page with the server gone, and a flipped byte in it fails there as well", () =>
  within({ gate: true }, async (world) => {
    await world.command("audit", "init-key", "--name", "ops.example.com/tests");
    await world.enqueue(RUN, { reason: "reason 1" });
    await world.command("audit", "checkpoint");
    const key = (await world.api("GET", "/api/ledger/checkpoints")).body.find((each) => each.file === "queue.jsonl").key;
    const { page } = await person(world, { path: "/audit?tab=verify" });
    await page.getByLabel("Public key that you noted").fill(key);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export evidence" }).click()]);
    const file = join(world.root, "evidence.jsonl");
    await download.saveAs(file);
    await world.gone();
    await page.getByText(/^Not connected for/).waitFor();
    await page.getByLabel("Evidence file or receipt").setInputFiles(file);
    await page.getByText("Recomputed here, and it holds").waitFor();
    const flipped = join(world.root, "flipped.jsonl");
    await writeFile(flipped, (await readFile(file, "utf8")).replace("reason 1", "reason 0"));
    await page.getByLabel("Evidence file or receipt").setInputFiles(flipped);
    await page.getByText("It does not hold").waitFor();
  }));

test("the overview says up to which line this browser has verified, and what it is when lines are gone", () =>
  within({ gate: true }, async (world) => {
    for (let at = 0; at < 2; at += 1) await world.enqueue(RUN, { priority: at });
    const { page } = await person(world);
    await page.getByRole("link", { name: "verify now" }).click();
    await page.getByRole("button", { name: "Verify the ledger" }).click();
    await page.getByText("queue.jsonl: 2 lines are chained, each to the one before").waitFor();
    await page.goto(world.url);
    await page.getByText("line 1 to 2,").waitFor();
    await page.route(/\/api\/ledger$/, async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      body.queue.lines = 1;
      await route.fulfill({ response: answer, json: body });
    });
    await page.reload();
    await page.getByText("there are fewer lines now").waitFor();
  }));

test("each line of the timeline is a sentence, is found by its words, and shows the line itself", () =>
  within({ gate: true }, async (world) => {
    const { queue_id: id } = await world.enqueue(RUN, { reason: "after the fix" });
    await world.api("POST", `/api/queue/${id}/cancel`, { reason: "not needed" });
    await world.api("POST", `/api/queue/from-run/${RUN}`, { confirm: false, actor_role: "OPS", requested_by: "a", approval_reason: "b" });
    const { page, said } = await person(world, { path: "/audit" });
    const lines = page.getByRole("listitem");
    await lines.filter({ hasText: "token:api queued task_readme_note_083122" }).filter({ hasText: "because “after the fix”" }).waitFor();
    await lines.filter({ hasText: "token:api (OPS) cancelled" }).waitFor();
    await lines.filter({ hasText: "was refused with CONFIRM_REQUIRED" }).waitFor();
    await page.getByRole("searchbox").fill("CONFIRM_REQUIRED");
    await page.getByText("1 line shown").waitFor();
    await page.getByRole("searchbox").fill("after the fix");
    await page.getByText("1 line shown").waitFor();
    await page.getByRole("button", { name: /the line/ }).click();
    await page.getByText('"event": "QUEUE_ENQUEUE"').waitFor();
    assert.deepEqual(said, []);
  }));
