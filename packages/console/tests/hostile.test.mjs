/** Text of others under the strict policy: nothing in it acts, everything in it can be seen, and the policy does say when something tries. */

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { HOSTILE, closeChrome, person, within } from "./world.mjs";

after(closeChrome);

const RUN = "run_hostile_000001";
const SPEC = `${HOSTILE.markup} ${HOSTILE.bidi} ${HOSTILE.marks} ${HOSTILE.rtl} [click](javascript:window.pwned=1)`;

/** Runs, a request and an item in which every text is hostile. */
async function hostileWorld(world) {
  const text = { spec: SPEC, task: HOSTILE.markup.slice(0, 100), paths: [HOSTILE.bidi, HOSTILE.markup], commands: [HOSTILE.markup, `echo ${HOSTILE.bidi}`] };
  await world.writeRun(RUN, { ...text, status: "FAILURE", extra: { failure_reason: SPEC, workflow: { workflow_id: "wf-hostile", status: HOSTILE.markup, objective: SPEC } } });
}

/** Gathers what the page's policy refuses, from before any script of the page. */
async function watched(who) {
  await who.page.addInitScript(() => {
    window.refused = [];
    addEventListener("securitypolicyviolation", (event) => window.refused.push(event.effectiveDirective));
  });
  return { refused: () => who.page.evaluate(() => window.refused), pwned: () => who.page.evaluate(() => window.pwned) };
}

test("markup, turned direction and hidden characters of a run are text on every page, and the policy has nothing to refuse", () =>
  within({ gate: true, policy: "operator", prepare: hostileWorld }, async (world) => {
    const agent = await world.token("agent", "claude");
    const { approval } = await world.enqueue(RUN, { token: agent, reason: `please ${HOSTILE.rtl} <b>now</b>`, asker: `<i>${HOSTILE.rtl}</i>` });
    const { queue_id: item } = await world.enqueue(RUN, { reason: `mine ${HOSTILE.rtl} <b>now</b>`, confirm_run_id: RUN, priority: 3 });
    const who = await person(world);
    const policy = await watched(who);
    const { page, said } = who;
    const at = ["", "?tab=events&view=raw", "?tab=diff", "?tab=reports", "?tab=contract", `?tab=files&file=${encodeURIComponent("artifacts/note.txt")}`].map((tab) => `/runs/${RUN}${tab}`);
    for (const path of [...at, `/runs/${RUN}/queue`, `/approvals?open=${approval.id}`, `/queue/${item}`, `/queue?tab=all&item=${item}`, "/runs", "/", "/cases/wf-hostile", "/audit"]) {
      await page.goto(world.url + path);
      await page.locator("h1").waitFor();
      await page.waitForFunction(() => !/Loading|reading…/.test(document.querySelector("main")?.textContent ?? "Loading"));
      assert.equal(await policy.pwned(), undefined, path);
      assert.deepEqual(await policy.refused(), [], path);
      assert.equal(await page.locator("main img, main script, main iframe, main a[href^=javascript]").count(), 0, path);
      // Characters that turn text stand nowhere as themselves, and each text of others keeps its direction to itself.
      assert.equal(await page.evaluate(() => /[\u202a-\u202e\u2066-\u2069\u200b-\u200f\u2060\ufeff]/.test(document.body.innerText)), false, path);
      assert.equal(await page.evaluate(() => [...document.querySelectorAll(".foreign")].every((each) => getComputedStyle(each).unicodeBidi.startsWith("isolate"))), true, path);
    }
    await page.goto(`${world.url}/runs/${RUN}/queue`);
    const written = page.getByRole("region", { name: /Written for or by the agent/ });
    await written.getByText("<script>window.pwned=1</script>").waitFor();
    for (const shown of ["U+202E", "U+2066", "U+200B", "U+0007"]) await written.getByText(shown, { exact: true }).first().waitFor();
    await written.getByText(/^\+\d+ marks$/).waitFor();
    assert.deepEqual(said, []);
  }));

test("the control: what a run's markup would do if it were put into the page is refused by the policy, and reported", () =>
  within({}, async (world) => {
    const who = await person(world);
    const policy = await watched(who);
    const { page } = who;
    await page.reload();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    // Markup as text is refused by Trusted Types before it is parsed.
    const markup = await page.evaluate((text) => {
      try {
        document.querySelector("main").innerHTML = text;
        return "taken";
      } catch (caught) {
        return caught.name;
      }
    }, HOSTILE.markup);
    assert.equal(markup, "TypeError");
    // Built without markup: a handler that stands in an attribute, a style, and a script, a picture and a request of elsewhere.
    const handler = await page.evaluate(() => {
      const image = document.createElement("img");
      let taken = "taken";
      try {
        image.setAttribute("onerror", "window.pwned=1");
      } catch (caught) {
        taken = caught.name;
      }
      image.src = "http://elsewhere.invalid/x.png";
      const style = document.createElement("style");
      style.textContent = "body{display:none}";
      document.body.append(image, style);
      void fetch("http://elsewhere.invalid/").catch(() => {});
      return taken;
    });
    assert.equal(handler, "TypeError");
    await page.waitForFunction(() => ["img-src", "style-src-elem", "connect-src"].every((each) => window.refused.includes(each)));
    assert.ok((await policy.refused()).includes("require-trusted-types-for"));
    assert.equal(await policy.pwned(), undefined);
    assert.equal(await page.locator("body").isVisible(), true);
  }));

test("every file of the console comes with the policy, and no page of another site may frame it", () =>
  within({}, async (world) => {
    const html = await (await fetch(world.url)).text();
    const files = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path);
    assert.ok(files.length >= 4, html);
    for (const path of ["/", "/queue/anything", ...files]) {
      const { headers, status } = await fetch(world.url + path);
      assert.equal(status, 200, path);
      const policy = headers.get("content-security-policy") ?? "";
      for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
        assert.ok(policy.split("; ").includes(rule), `${path}: ${rule} in ${policy}`);
      }
      assert.ok(!/unsafe|\*|data:|http/.test(policy), policy);
      assert.equal(headers.get("x-content-type-options"), "nosniff", path);
      assert.equal(headers.get("referrer-policy"), "no-referrer", path);
    }
  }));
