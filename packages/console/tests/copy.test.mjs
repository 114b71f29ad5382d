/** Whatever is done on a page can be done without it: what is copied is run here as it stands, as a command and as curl. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { RUN, STATIC, closeChrome, decide, person, within } from "./world.mjs";

const run = promisify(execFile);

after(closeChrome);

/** A shell in which the program stands under its own name, as a person has it, and a token for curl. */
async function shell(world) {
  const bin = join(world.root, "bin");
  await mkdir(bin);
  await symlink(process.env.CORTEXPILOT_TEST_BINARY, join(bin, "cortexpilot"));
  const env = { ...world.env, PATH: `${bin}:${process.env.PATH}` };
  return async (line) => {
    const own = line.startsWith("curl") ? { ...env, CORTEXPILOT_TOKEN: STATIC } : env;
    return (await run("/bin/sh", ["-c", line], { cwd: world.root, env: own })).stdout;
  };
}

/** What "Copy as…" within `box` puts on the clipboard. */
async function copied(page, box, how) {
  await box.getByRole("button", { name: /Copy as…|Copied/ }).first().click();
  await page.getByRole("menuitem", { name: `Copy as ${how}` }).click();
  await page.getByRole("menuitem").first().waitFor({ state: "detached" });
  return page.evaluate(() => navigator.clipboard.readText());
}

test("looking: the command and the curl of every page answer", () =>
  within({ gate: true, policy: "operator" }, async (world) => {
    const agent = await world.token("agent", "claude");
    const { approval } = await world.enqueue(RUN, { token: agent });
    const { queue_id: item } = await world.enqueue(RUN, { confirm_run_id: RUN, priority: 2 });
    const { page, context } = await person(world);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const sh = await shell(world);
    const places = [
      ["/queue", /readme_note/], [`/queue/${item}`, new RegExp(item)], ["/approvals", /apr_/], [`/approvals?open=${approval.id}`, /apr_/], ["/runs", /readme_note/],
      [`/runs/${RUN}`, /readme_note/], ["/cases", /wf-1/], ["/cases/wf-1", /wf-1/], ["/audit", /./], ["/tokens", /agent:claude/], ["/workers", /./], ["/settings", /CORTEXPILOT_RUNTIME_ROOT|runtime_root/],
      [`/runs/${RUN}/queue?priority=4`, /preview|docs\/README/],
    ];
    for (const [path, expected] of places) {
      await page.goto(world.url + path);
      const box = page.locator("main");
      await box.getByRole("button", { name: "Copy as…" }).first().waitFor();
      for (const how of ["command", "curl"]) {
        const line = await copied(page, box, how);
        assert.ok(line.startsWith(how === "curl" ? "curl " : "cortexpilot "), line);
        assert.ok(!line.includes(STATIC), line);
        const said = await sh(line).catch((caught) => assert.fail(`${line}\n${caught.stderr}`));
        assert.match(said, expected, line);
        assert.doesNotMatch(said, /"detail"/, line);
      }
    }
  }));

/** Opens the dialog of a deed, gives a reason, copies how it is done elsewhere, and leaves it undone. */
async function deed(page, button, how, reason = "it's \"quoted\"; $HOME `x`") {
  await page.getByRole("button", { name: button }).first().click();
  const dialog = page.getByRole("dialog").filter({ has: page.getByLabel("Reason") });
  await dialog.getByLabel("Reason").fill(reason);
  const line = await copied(page, dialog, how);
  await dialog.getByRole("button", { name: "Back", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  return line;
}

for (const how of ["command", "curl"]) {
  test(`doing, as ${how}: cancel, stop, take, put back, close, approve, reject, freeze, pause, take a token back; each does just that`, () =>
    within({ gate: true, policy: "operator" }, async (world) => {
      const [agent, worker] = [await world.token("agent", "claude"), await world.token("worker", "builder")];
      await world.token("agent", "gone");
      const mine = async (priority) => (await world.enqueue(RUN, { confirm_run_id: RUN, priority })).queue_id;
      const claim = () => world.api("POST", "/api/queue/claim", { worker: "builder-1" }, worker);
      const { page, context } = await person(world);
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      const sh = await shell(world);
      const last = async () => (await world.ledger()).at(-1);
      const decision = async () => (await world.api("GET", "/api/decisions?limit=1&cursor=")).body.items[0];

      const first = await mine(1);
      await page.goto(`${world.url}/queue/${first}`);
      await sh(await deed(page, "Cancel (rolls back)…", how));
      assert.deepEqual([(await last()).event, (await last()).reason], ["QUEUE_CANCEL", "it's \"quoted\"; $HOME `x`"]);

      const second = await mine(2);
      await claim();
      await page.goto(`${world.url}/queue/${second}`);
      await sh(await deed(page, "Ask it to stop (does not undo)…", how));
      assert.equal((await last()).event, "QUEUE_STOP");
      await page.getByText("It has been asked to stop").waitFor();
      await sh(await deed(page, "Take it from its worker…", how));
      assert.equal((await last()).event, "QUEUE_HOLD");
      await sh(await deed(page, "Put it back in the queue…", how));
      assert.equal((await last()).event, "QUEUE_REQUEUE");
      await page.getByRole("button", { name: "Cancel (rolls back)…" }).waitFor();
      await claim();
      await sh(await deed(page, "Take it from its worker…", how));
      await sh(await deed(page, "Close it as failed…", how));
      assert.deepEqual([(await last()).event, (await last()).queue_id], ["QUEUE_DONE", second]);

      for (const [button, event] of [["Approve…", "QUEUE_ENQUEUE"], ["Reject…", "REJECTED"]]) {
        const { approval } = await world.enqueue(RUN, { token: agent, priority: event.length });
        await page.goto(`${world.url}/approvals?open=${approval.id}`);
        await page.getByRole("button", { name: button }).and(page.locator("[aria-disabled=false]")).waitFor();
        const line = await deed(page, button, how);
        // On a terminal the program asks once more before it approves; here nobody can be asked, and that has to be said.
        if (how === "command" && button === "Approve…") {
          await assert.rejects(sh(line), /wants to be confirmed/);
          await sh(`${line} --yes`);
        } else await sh(line);
        assert.equal((event === "REJECTED" ? await decision() : await last()).event, event);
      }

      await page.goto(`${world.url}/settings`);
      await sh(await deed(page, "Freeze…", how));
      assert.equal((await decision()).event, "FROZEN");
      await sh(await deed(page, "Unfreeze…", how));
      assert.equal((await decision()).event, "UNFROZEN");
      await page.goto(`${world.url}/workers`);
      await sh(await deed(page, "Pause claiming…", how));
      assert.equal((await decision()).event, "PAUSED");
      await sh(await deed(page, "Resume claiming…", how));
      assert.equal((await decision()).event, "RESUMED");

      await page.goto(`${world.url}/tokens`);
      const row = page.getByRole("row").filter({ hasText: "agent:gone" });
      await row.getByRole("button", { name: "Take back…" }).waitFor();
      await row.getByRole("button", { name: "Take back…" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Reason").fill("-lost");
      await sh(await copied(page, dialog, how));
      assert.deepEqual([(await decision()).event, (await decision()).reason], ["TOKEN_REVOKED", "-lost"]);
    }));

  test(`saying yes to a preview, as ${how}: the item is the one that was looked at`, () =>
    within({ gate: true }, async (world) => {
      const { page, context } = await person(world, { path: `/runs/${RUN}/queue?priority=-6&deadline=2036-01-01T00:00:00Z` });
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
      const sh = await shell(world);
      await decide(page, { reason: "as I said; it's fine" });
      await sh(await copied(page, page.getByRole("region", { name: "Your decision" }), how));
      const lines = await world.ledger();
      assert.equal(lines.length, 1);
      assert.deepEqual([lines[0].priority, lines[0].deadline_at, lines[0].approval_reason, lines[0].requested_by], [-6, "2036-01-01T00:00:00Z", "as I said; it's fine", "api"]);
    }));
}

test("Settings say what holds and from where, no secret, and what mcp install really does for each client", () =>
  within({ gate: true, policy: "operator", prepare: (world) => Object.assign(world.env, { HOME: world.root }) }, async (world) => {
    const { page, said } = await person(world, { path: "/settings" });
    const config = page.getByRole("group", { name: "Configuration" });
    await config.getByRole("row").filter({ hasText: "CORTEXPILOT_MCP_QUEUE_PILOT_APPROVAL" }).filter({ hasText: "operator" }).filter({ hasText: "environment" }).waitFor();
    await config.getByRole("row").filter({ hasText: "CORTEXPILOT_API_TOKEN" }).filter({ hasText: "set, and not shown" }).waitFor();
    assert.ok(!(await page.content()).includes(STATIC));
    assert.equal(await config.getByText("CORTEXPILOT_PREVIEW_TTL").count(), 0);
    await page.getByLabel(/as by default too/).check();
    await config.getByText("CORTEXPILOT_PREVIEW_TTL").waitFor();

    const card = page.getByRole("region", { name: "Connect an agent that reads" });
    const select = card.getByRole("combobox");
    const options = await select.locator("option").evaluateAll((all) => all.map((each) => each.value));
    assert.deepEqual([...new Set(options.map((each) => each.split(" ")[0]))].sort(), ["claude-code", "codex", "cursor", "gemini", "opencode", "vscode", "windsurf"]);
    const sh = await shell(world);
    const plain = (text) => text.replace(/\s+/g, " ").trim();
    for (const option of options) {
      await select.selectOption(option);
      const texts = await card.getByRole("group", { name: "To copy" }).locator("code").allTextContents();
      const [command, entry] = [texts[0], texts.at(-1)];
      assert.ok(entry.includes("mcp-readonly-server") && entry.includes(world.root), entry);
      const file = (await card.getByText(/^What then stands in /).textContent()).slice("What then stands in ".length, -1);
      const printed = await sh(command);
      if (command.includes(" --write ")) {
        // The file did not exist: now it is what the page says, to the byte.
        assert.equal(await readFile(file, "utf8"), entry, command);
        assert.ok(["claude-code", "codex"].includes(option.split(" ")[0]), option);
      } else {
        const lines = plain(printed);
        for (const line of entry.split("\n").map(plain).filter((each) => each.length > 3)) assert.ok(lines.includes(line), `${option}: ${line}\n${printed}`);
        await assert.rejects(readFile(file), `${option}: it was printed only`);
      }
    }
    assert.deepEqual(said, []);
  }));
