/** Every page, in both themes and at three widths, with ordinary and with hostile data: nothing overflows, nothing is inaccessible. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { HOSTILE, LONG_ID, World, closeChrome, person } from "./world.mjs";

const AXE = await readFile(fileURLToPath(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url)), "utf8");
/** Where pictures go, where somebody wants to look: `CORTEXPILOT_SHOTS=DIR`. */
const SHOTS = process.env.CORTEXPILOT_SHOTS;
const WIDTHS = [320, 1024, 1440];
const REASON = `${HOSTILE.rtl} ${"a long reason ".repeat(200)}`.slice(0, 1990);

let normal;
let hostile;
let asked;
let wicked;

before(async () => {
  normal = await World.start({ gate: true });
  await normal.writeRun("run_docs_refresh_112233", { status: "FAILURE", extra: { failure_reason: "acceptance tests failed" } });
  await normal.writeRun("run_long_diff_445566", { events: 40 });
  await normal.command("audit", "init-key", "--name", "ops.example.com/tests");
  await normal.open();
  normal.item = (await normal.enqueue("run_readme_note_083122", { priority: 5, deadline_at: "2026-12-24T09:00:00Z" })).queue_id;
  await normal.enqueue("run_docs_refresh_112233", { scheduled_at: "2036-01-01T00:00:00Z" });
  const gone = await normal.enqueue("run_long_diff_445566");
  await normal.api("POST", `/api/queue/${gone.queue_id}/cancel`, { reason: "not needed" });
  await normal.token("operator", "alice");

  asked = await World.start({ gate: true, policy: "two-person" });
  await asked.writeRun("run_docs_refresh_112233");
  await asked.open();
  const agent = await asked.token("agent", "claude");
  asked.request = (await asked.enqueue("run_readme_note_083122", { token: agent })).approval.id;
  await asked.enqueue("run_docs_refresh_112233", { token: agent });

  hostile = await World.start({ gate: true, policy: "operator" });
  const spec = `${HOSTILE.markup} ${HOSTILE.bidi} ${HOSTILE.marks} ${HOSTILE.rtl} ${"unbreakable".repeat(60)}`;
  const text = { spec, task: HOSTILE.markup.slice(0, 100), paths: [`docs/${"deep/".repeat(40)}file.md`, HOSTILE.bidi], commands: [`echo ${"x".repeat(300)}`, HOSTILE.markup] };
  await hostile.writeRun(LONG_ID, text);
  await hostile.writeRun("run_hostile_000001", { ...text, status: "FAILURE", extra: { failure_reason: spec, workflow: { workflow_id: `wf-${"w".repeat(120)}`, status: HOSTILE.markup } } });
  await hostile.open();
  const other = await hostile.token("agent", "x".repeat(40));
  const request = await hostile.enqueue(LONG_ID, { token: other, reason: REASON, asker: `${HOSTILE.rtl} ${"n".repeat(150)}` });
  hostile.request = request.approval?.id;
  const own = await hostile.enqueue("run_hostile_000001", { reason: REASON, asker: "m".repeat(200), confirm_run_id: "run_hostile_000001" });
  hostile.item = own.queue_id;
  await hostile.api("POST", `/api/queue/${hostile.item}/cancel`, { reason: REASON });
  wicked = hostile;
});

after(async () => {
  await Promise.all([normal, asked, hostile].map((world) => world?.stop()));
  await closeChrome();
});

/** What stands outside its place: elements wider than the page that no marked scroller holds. */
function overflows() {
  const found = [];
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide) found.push(`the page is ${document.documentElement.scrollWidth} wide, and ${wide} can be seen`);
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".scroller,.sr-only,svg") !== null) continue;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    if (box.right > wide + 1 || box.left < -1) found.push(`${element.tagName.toLowerCase()}.${element.className}: ${Math.round(box.left)}–${Math.round(box.right)}`);
  }
  return found.slice(0, 5);
}

/** Where the binary and its files happen to lie on this machine is nobody's business: pictures show where they lie elsewhere. */
async function elsewhere({ page, world }) {
  await page.route(/\/api\/config/, async (route) => {
    const answer = await route.fetch();
    const told = (await answer.text()).replaceAll(process.env.CORTEXPILOT_TEST_BINARY, "/usr/local/bin/cortexpilot").replaceAll(world.root, "/var/lib/cortexpilot");
    await route.fulfill({ response: answer, body: told });
  });
}

/** Goes to a page and looks at it at every width. */
async function looked(who, name, path) {
  const { page, said } = who;
  await page.setViewportSize({ width: 1440, height: 860 });
  await page.goto(who.world.url + path);
  await page
    .locator("h1")
    .waitFor()
    .catch(async (caught) => {
      throw new Error(`${name}: ${await page.locator("body").innerText()}`, { cause: caught });
    });
  // Until nothing is being fetched any more; streams stay open, so the network never falls silent.
  await page.waitForFunction(() => !/Loading|reading…|^\s*…\s*$/m.test(document.querySelector("main")?.textContent ?? "Loading"));
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 860 });
    // Two frames: one in which the width is told, one in which what follows from it is drawn.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    if (SHOTS !== undefined) await page.screenshot({ path: `${SHOTS}/${name}-${width}.png`, fullPage: true });
    who.found.push(...(await page.evaluate(overflows)).map((each) => `${name} at ${width}: ${each}`));
  }
  who.found.push(...said.splice(0).map((each) => `${name} says: ${each}`));
}

async function accessible(who, name) {
  await who.page.evaluate(AXE).catch(() => {});
  const found = await who.page.evaluate(async () => {
    const { violations, passes } = await globalThis.axe.run(document);
    if (passes.length < 10) return [`axe looked at ${passes.length} rules only`];
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
  });
  who.found.push(...found.map((each) => `${name}: ${each}`));
}

const pagesOf = (world, run, item) => ({
  overview: "/",
  queue: "/queue?tab=all",
  drawer: `/queue?tab=all&item=${item}`,
  item: `/queue/${item}`,
  approvals: "/approvals",
  decided: "/approvals?tab=decided",
  runs: "/runs",
  run: `/runs/${run}`,
  events: `/runs/${run}?tab=events&view=timeline`,
  diff: `/runs/${run}?tab=diff`,
  reports: `/runs/${run}?tab=reports`,
  tests: `/runs/${run}?tab=tests`,
  contract: `/runs/${run}?tab=contract`,
  files: `/runs/${run}?tab=files&file=${encodeURIComponent("artifacts/note.txt")}`,
  compare: `/runs/${run}?tab=compare&with=run_readme_note_083122`,
  preview: `/runs/${run}/queue?priority=5&deadline=2026-12-24T09:00:00Z`,
  cases: "/cases",
  case: "/cases/wf-1",
  audit: "/audit",
  verify: "/audit?tab=verify",
  workers: "/workers",
  tokens: "/tokens",
  settings: "/settings",
});

for (const theme of ["light", "dark"]) {
  test(`every page with ordinary data, ${theme}: nothing overflows and axe finds nothing`, async () => {
    const who = { ...(await person(normal, { theme })), world: normal, found: [] };
    await elsewhere(who);
    // axe is put in by the tests; the page's own policy would let no such script in.
    for (const [name, path] of Object.entries(pagesOf(normal, "run_docs_refresh_112233", normal.item))) {
      await looked(who, `${name}-${theme}`, path);
      await accessible(who, `${name}-${theme}`);
    }
    assert.deepEqual(who.found, []);
    await who.context.close();
    const other = { ...(await person(asked, { theme })), world: asked, found: [] };
    await looked(other, `request-${theme}`, `/approvals?open=${asked.request}`);
    await accessible(other, `request-${theme}`);
    assert.deepEqual(other.found, []);
    await other.context.close();
  });

  test(`every page with hostile data, ${theme}: nothing overflows, nothing runs, axe finds nothing`, async () => {
    const who = { ...(await person(wicked, { theme })), world: wicked, found: [] };
    await elsewhere(who);
    const pages = { ...pagesOf(wicked, LONG_ID, wicked.item), case: `/cases/wf-${"w".repeat(120)}`, request: `/approvals?open=${wicked.request}` };
    for (const [name, path] of Object.entries(pages)) {
      await looked(who, `hostile-${name}-${theme}`, path);
      assert.equal(await who.page.evaluate(() => window.pwned), undefined, `${name}: no markup of a run is markup of the page`);
      assert.equal(await who.page.locator("main img, main script").count(), 0);
      await accessible(who, `hostile-${name}-${theme}`);
    }
    assert.deepEqual(who.found, []);
    await who.context.close();
  });
}

test("the page of signing in, menus, dialogs and the help are accessible in both themes", async () => {
  for (const theme of ["light", "dark"]) {
    const who = { ...(await person(normal, { theme, width: 1024 })), world: normal, found: [] };
    const { page } = who;
    await page.getByRole("button", { name: /Agents may queue/ }).click();
    await page.getByRole("dialog").waitFor();
    await accessible(who, `gate-${theme}`);
    await page.getByRole("button", { name: "Freeze…" }).click();
    await page.getByRole("heading", { name: "Freeze everything?" }).waitFor();
    await accessible(who, `reason-${theme}`);
    await page.keyboard.press("Escape");
    await page.getByRole("heading", { name: "Freeze everything?" }).waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Keys" }).waitFor();
    await accessible(who, `help-${theme}`);
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "Queue", exact: true }).first().click();
    await page.getByRole("button", { name: "Copy as…" }).click();
    await page.getByRole("menuitem", { name: "Copy as curl" }).waitFor();
    await accessible(who, `copy-${theme}`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: /\(OPS\)/ }).click();
    await page.getByRole("menuitem", { name: "Sign out", exact: true }).waitFor();
    await accessible(who, `menu-${theme}`);
    await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
    await page.getByRole("textbox", { name: "Token" }).waitFor();
    await accessible(who, `login-${theme}`);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 860 });
      assert.deepEqual(await page.evaluate(overflows), []);
    }
    if (SHOTS !== undefined) await page.screenshot({ path: `${SHOTS}/login-${theme}.png` });
    assert.deepEqual(who.found, []);
    await who.context.close();
  }
});
