/** Signing in and out: the address that `up` prints, a token, every browser at once, and a session that ends under an open page. */

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";

import { STATIC, closeChrome, person, within } from "./world.mjs";

after(closeChrome);

const overview = (page) => page.getByRole("heading", { name: "Overview" }).waitFor();
const tokenField = (page) => page.getByRole("textbox", { name: "Token" });

test("the address that up prints signs in once, leaves the address, and is worth nothing a second time", () =>
  within({ demo: true }, async (world) => {
    const [address] = await world.until(/http:\/\/127\.0\.0\.1:\d+\/#login=[A-Za-z0-9_-]+/);
    const [, secret] = address.split("#login=");
    const one = await person(world, { token: null });
    await one.page.goto("about:blank");
    await one.page.goto(address);
    await overview(one.page);
    assert.equal(new URL(one.page.url()).hash, "", "the secret is out of the address");
    const kept = await one.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.length]));
    assert.ok(!kept.includes(world.demoToken) && !kept.includes(secret), "no script of the page can read token or secret");
    const cookies = await one.context.cookies();
    assert.deepEqual(cookies.map(({ httpOnly, sameSite, path }) => ({ httpOnly, sameSite, path })), [{ httpOnly: true, sameSite: "Strict", path: "/" }]);
    assert.ok(cookies.every(({ value }) => !value.includes(world.demoToken)), "the cookie is a session, not the token");
    await one.page.reload();
    await overview(one.page);

    const two = await person(world, { token: null });
    await two.page.goto("about:blank");
    await two.page.goto(address);
    await two.page.getByText("Nobody was signed in").waitFor();
    await tokenField(two.page).waitFor();
    assert.ok(!world.said.replace(address, "").includes(secret), "the secret is printed once and logged nowhere");
    assert.deepEqual([...one.said, ...two.said], []);
  }));

test("a token signs in, a wrong one does not, and who signs out is out with the next page", () =>
  within({}, async (world) => {
    const { page, said } = await person(world, { token: null });
    await tokenField(page).fill("no such token");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Nobody was signed in").waitFor();
    await tokenField(page).fill(STATIC);
    await page.keyboard.press("Enter");
    await overview(page);
    await page.getByRole("button", { name: /\(OPS\)/ }).click();
    await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
    await tokenField(page).waitFor();
    await page.goto(`${world.url}/queue`);
    await tokenField(page).waitFor();
    assert.deepEqual(said, []);
  }));

test("signing out everywhere ends every browser of that principal, and nobody else's", () =>
  within({}, async (world) => {
    const bob = await world.token("operator", "bob");
    const [here, there, other] = [await person(world), await person(world, { path: "/queue" }), await person(world, { token: bob, path: "/queue" })];
    await overview(here.page);
    await here.page.getByRole("button", { name: /\(OPS\)/ }).click();
    await here.page.getByRole("menuitem", { name: "Sign out everywhere" }).click();
    await tokenField(here.page).waitFor();
    await there.page.getByText("Your session has ended").waitFor();
    await other.page.reload();
    await other.page.getByRole("heading", { name: "Queue" }).waitFor();
    // Signed in again, the page is where it was.
    await tokenField(there.page).fill(STATIC);
    await there.page.keyboard.press("Enter");
    await there.page.getByRole("heading", { name: "Queue" }).waitFor();
    assert.equal(new URL(there.page.url()).pathname, "/queue");
  }));

test("a token that is taken back ends the session under the page, which says so and shows nothing any more", () =>
  within({ gate: true }, async (world) => {
    await world.enqueue(undefined, { reason: "seen before" });
    const bob = await world.token("operator", "bob");
    const { page } = await person(world, { token: bob, path: "/queue" });
    await page.getByRole("link", { name: "task_readme_note_083122" }).waitFor();
    const { items } = (await world.api("GET", "/api/tokens?limit=10&cursor=")).body;
    await world.command("token", "revoke", items.find((each) => each.principal === "operator:bob").id, "--reason", "the laptop was lost");
    await page.getByText("Your session has ended").waitFor();
    assert.equal(await page.getByText("task_readme_note_083122").count(), 0);
    await tokenField(page).fill(bob);
    await page.keyboard.press("Enter");
    await page.getByText("Nobody was signed in").waitFor();
  }));

test("neither token nor session stands in anything that the server keeps or prints", () =>
  within({ gate: true }, async (world) => {
    const { context } = await person(world);
    const [{ value }] = await context.cookies();
    await world.enqueue();
    const files = (await readdir(world.root, { recursive: true, withFileTypes: true })).filter((each) => each.isFile());
    assert.ok(files.length > 5, "there is something to look into");
    for (const file of files) {
      const text = await readFile(join(file.parentPath, file.name), "latin1");
      assert.ok(!text.includes(STATIC) && !text.includes(value), file.name);
    }
    assert.ok(!world.said.includes(STATIC) && !world.said.includes(value));
  }));
