/** Signing in and out against the real binary, with a fetch that keeps cookies as a browser does. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { type ControlPlaneClient, createControlPlaneClient, isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { freeze, unfreeze } from "@cortexpilot/frontend-api-client/operator";
import { currentSession, signIn, signOut, takeLogin } from "@cortexpilot/frontend-api-client/session";

import { OPERATOR, type Product, withProduct } from "./product.js";

/** A browser: a client, and the cookies that it was given. */
function browser(product: Product): { client: ControlPlaneClient; jar: Map<string, string> } {
  const jar = new Map<string, string>();
  const keeping: typeof globalThis.fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    // As a page of this very server sends it.
    if (init?.method !== "GET") headers.set("origin", product.url);
    if (jar.size > 0) headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await fetch(input, { ...init, headers });
    for (const set of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (/; Max-Age=0(;|$)/.test(set)) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
  return { client: createControlPlaneClient({ baseUrl: product.url, cookie: true, role: "OPS", fetch: keeping }), jar };
}

async function refused(call: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(call, (caught) => isControlPlaneError(caught, code as "AUTH_INVALID_TOKEN") && caught.status === 401);
}

test("a token is exchanged for a session, which does what it does until somebody signs out", async () => {
  await withProduct({}, async (product) => {
    const { client, jar } = browser(product);
    await refused(currentSession(client), "AUTH_MISSING_BEARER");
    await refused(signIn(client, { token: "not-a-token-of-this-server" }), "AUTH_INVALID_TOKEN");
    assert.equal(jar.size, 0);
    const session = await signIn(client, { token: OPERATOR });
    assert.deepEqual([session.principal, session.kind, session.authentication], ["token:api", "operator", "on"]);
    assert.deepEqual([...session.roles].sort(), ["OPS", "OWNER"]);
    assert.ok(typeof session.expires_at === "string" && Date.parse(session.expires_at) > Date.now());
    assert.deepEqual([...jar.keys()], ["cortexpilot_session"]);
    assert.deepEqual(await currentSession(client), session);
    await freeze(client, { reason: "a look" });
    await unfreeze(client, { reason: "looked" });
    assert.deepEqual(await signOut(client), { signed_out: true, ended: 1 });
    assert.equal(jar.size, 0);
    await refused(currentSession(client), "AUTH_MISSING_BEARER");
  });
});

test("signing out everywhere ends every browser of that principal and no other", async () => {
  await withProduct({}, async (product) => {
    const { token } = await product.token("operator", "alice");
    const [first, second, alice] = [browser(product), browser(product), browser(product)];
    for (const { client } of [first, second]) await signIn(client, { token: OPERATOR });
    assert.equal((await signIn(alice.client, { token })).principal, "operator:alice");
    assert.equal((await signOut(first.client, { everywhere: true })).ended, 2);
    await refused(currentSession(second.client), "AUTH_INVALID_TOKEN");
    assert.equal((await currentSession(alice.client)).principal, "operator:alice");
    // A client with a token asks who it is, and has no session to end.
    const bearer = createControlPlaneClient({ baseUrl: product.url, token });
    assert.equal((await currentSession(bearer)).expires_at, null);
    assert.equal((await signOut(bearer)).ended, 0);
    assert.equal((await signOut(bearer, { everywhere: true })).ended, 1);
  });
});

test("the secret of a one-time address is taken out of the address and signs in once", async () => {
  const page = globalThis as unknown as { location: object | undefined; history: object | undefined };
  const replaced: unknown[] = [];
  const at = (hash: string): string | undefined => {
    page.location = { hash, pathname: "/queue/abc", search: "?state=held" };
    page.history = { replaceState: (...given: unknown[]) => replaced.push(given[2]) };
    return takeLogin();
  };
  try {
    assert.equal(at(""), undefined);
    assert.equal(at("#top"), undefined);
    assert.deepEqual(replaced, [], "what is no login stays where it is");
    assert.equal(at("#login=x"), undefined);
    assert.equal(at("#login=<script>alert(1)</script>"), undefined);
    assert.deepEqual(replaced, ["/queue/abc?state=held", "/queue/abc?state=held"]);
    await withProduct({}, async (product) => {
      const { token } = await product.token("operator", "alice");
      const made = await product.commandAs(token, "console", "login", "--url", product.url);
      const address = new URL(String(made["url"]));
      assert.equal(address.origin, product.url);
      const login = at(address.hash);
      assert.ok(login !== undefined);
      const { client } = browser(product);
      assert.equal((await signIn(client, { login })).principal, "operator:alice");
      await refused(signIn(browser(product).client, { login }), "AUTH_INVALID_TOKEN");
    });
  } finally {
    page.location = undefined;
    page.history = undefined;
  }
});
