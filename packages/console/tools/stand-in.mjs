/**
 * Console and control plane on one origin, until the binary serves the console itself: gives out `dist` under the policy that
 * the console is made for, passes `/api`, `/readyz` and `/health` on, and answers `/api/session` as the binary will.
 *
 * It is for development and tests on this machine: it listens on 127.0.0.1 alone, and holds no rule of its own about who may
 * do what. Every request that it passes on is judged by the control plane.
 */

import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** What the console can live under; the binary sends the same. */
export const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const COOKIE = "cortexpilot_api_token";
const LOGIN_MS = 5 * 60_000;

/**
 * Starts it.
 *
 * @param {{ backend: string, port?: number, dist?: string }} options `backend`: where the control plane listens.
 * @returns url, a function that makes a one-time login address for a token, `cut(on)` which breaks every stream and refuses
 *   requests while it is on, and `close`.
 */
export async function standIn({ backend, port = 0, dist = DIST }) {
  const behind = new URL(backend);
  const logins = new Map();
  const open = new Set();
  let down = false;

  const server = createServer((req, res) => {
    const url = new URL(req.url ?? "/", "http://console");
    res.setHeader("x-content-type-options", "nosniff");
    res.setHeader("referrer-policy", "no-referrer");
    if (down) return void res.destroy();
    if (url.pathname === "/api/session") return void session(req, res).catch(() => res.destroy());
    if (/^\/(api\/|readyz$|health$|mcp\/)/.test(url.pathname)) return pass(req, res);
    return void file(url.pathname, res);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;

  /** Passes a request on, as if the page had come from the control plane itself. */
  function pass(req, res) {
    const headers = { ...req.headers, host: behind.host };
    if (headers.origin === origin) headers.origin = behind.origin;
    const up = request({ host: behind.hostname, port: behind.port, method: req.method, path: req.url, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
      open.add(res);
      res.on("close", () => {
        open.delete(res);
        answer.destroy();
      });
    });
    up.on("error", () => res.destroy());
    req.on("error", () => up.destroy());
    res.on("close", () => up.destroy());
    req.pipe(up);
  }

  async function file(path, res) {
    const name = path === "/" || extname(path) === "" ? "index.html" : path.slice(1);
    const at = normalize(join(dist, name));
    const bytes = at.startsWith(dist + sep) ? await readFile(at).catch(() => undefined) : undefined;
    if (bytes === undefined) return res.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    const hashed = name.startsWith("assets/");
    res.writeHead(200, {
      "content-type": TYPES[extname(at)] ?? "application/octet-stream",
      "content-security-policy": POLICY,
      "x-frame-options": "DENY",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": hashed ? "public, max-age=31536000, immutable" : "no-cache",
    });
    res.end(bytes);
  }

  /** Whom a token stands for. A preview in a role that nobody holds says so, and is neither carried out nor written down. */
  async function whois(token) {
    const answer = await fetch(new URL("/api/queue/from-run/whoami/preview", behind), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "x-cortexpilot-role": "WHOAMI" },
      body: "{}",
    });
    const { detail } = await answer.json();
    if (answer.status === 401) return { refused: detail };
    const { principal, kind, roles } = detail.acting_as;
    return { session: { principal, kind, roles, authentication: "on", expires_at: null, version: "0.1.0" } };
  }

  function refuse(res, status, code, reason, nextStep) {
    res.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
    const who = { retry: "after_fix", who_can_act: "you", next_step: nextStep, request_id: randomBytes(8).toString("hex") };
    res.end(JSON.stringify({ detail: { code, reason, ...who } }));
  }

  async function session(req, res) {
    const json = (status, body, headers = {}) => {
      res.writeHead(status, { "content-type": "application/json", "cache-control": "no-store", ...headers });
      res.end(JSON.stringify(body));
    };
    const set = (value, age) => ({ "set-cookie": `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${age}` });
    if (req.method === "GET") {
      const kept = new RegExp(`(?:^|; )${COOKIE}=([^;]+)`).exec(req.headers.cookie ?? "")?.[1];
      if (kept === undefined) return refuse(res, 401, "AUTH_MISSING_BEARER", "Nobody is signed in here.", "Sign in.");
      const found = await whois(kept);
      return found.refused ? json(401, { detail: found.refused }, set("", 0)) : json(200, found.session);
    }
    if (req.headers["x-cortexpilot-csrf"] === undefined || (req.headers.origin ?? origin) !== origin) {
      return refuse(res, 403, "ORIGIN_NOT_ALLOWED", "The request does not come from this console.", "Use the console.");
    }
    if (req.method === "DELETE") return json(200, { signed_out: true }, set("", 0));
    let text = "";
    for await (const piece of req) if ((text += piece).length > 4096) return res.destroy();
    const { token, login } = JSON.parse(text);
    const given = login === undefined ? token : spend(login);
    const found = typeof given === "string" && /^[\x21-\x7e]+$/.test(given) ? await whois(given) : undefined;
    if (found?.session === undefined) {
      const why = login === undefined ? "This token is not known here." : "This login address was used already, or its five minutes are over.";
      return refuse(res, 401, "AUTH_INVALID_TOKEN", why, login === undefined ? "Look at the token again." : "Have a new one printed.");
    }
    return json(200, found.session, set(given, 12 * 3600));
  }

  /** The token behind a one-time secret: each leads somewhere once, and for five minutes. */
  function spend(secret) {
    for (const [known, { token, until }] of logins) {
      const same = known.length === String(secret).length && timingSafeEqual(Buffer.from(known), Buffer.from(String(secret)));
      if (!same) continue;
      logins.delete(known);
      return Date.now() < until ? token : undefined;
    }
    return undefined;
  }

  return {
    url: origin,
    loginUrl(token) {
      const secret = randomBytes(24).toString("base64url");
      logins.set(secret, { token, until: Date.now() + LOGIN_MS });
      return `${origin}/#login=${secret}`;
    },
    /** Breaks what is open and refuses what comes, as a network that is gone; with `false` all is well again. */
    cut(on) {
      down = on;
      if (on) for (const res of open) res.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        for (const res of open) res.destroy();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
