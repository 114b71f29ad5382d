/** One request and its answer: addresses, headers, time limits, repeats. Everything else in this package goes through here. */

import type { OperationId } from "@cortexpilot/frontend-api-contract";

import { ControlPlaneError, errorOf } from "./errors.js";
import { randomId } from "./ids.js";
import { type Repeatable, type RetryNotice, type RetryOptions, RETRY_DEFAULT, pauseBefore } from "./retry.js";
import { deadline, pause, reasonOf } from "./signals.js";

/** A text, or what gives the one that is right at this moment; asked before every request. */
export type Given = string | (() => string | undefined | Promise<string | undefined>);

/** How a client reaches the control plane. */
export interface ControlPlaneOptions {
  /**
   * Where the control plane is, such as `http://127.0.0.1:8000`; a path in front of `/api` is kept. In a page it may be left
   * out: then it is the page's own origin.
   */
  baseUrl?: string | URL;
  /** A personal or static token, sent as `Authorization: Bearer`. Either this or `cookie`. */
  token?: Given;
  /**
   * Signs in by session cookie: `true` in a page, where the browser keeps and sends it; elsewhere the text of the `Cookie`
   * header, such as `cortexpilot_api_token=…`.
   */
  cookie?: true | string;
  /** The role to act in, stated with every request. May be left out where the principal holds exactly one. */
  role?: Given;
  /** How long one request may take, its answer's body included. Default 30,000 ms. A single call can say otherwise. */
  timeoutMs?: number;
  /** How calls that are safe to repeat are repeated; `false`: never. */
  retry?: Partial<RetryOptions> | false;
  /** Told before every pause. For logs; what it throws is not caught. */
  onRetry?: (notice: RetryNotice) => void;
  /** Instead of the global `fetch`: for proxies, tests, tracing. */
  fetch?: typeof globalThis.fetch;
  /** Lets a token go over plain HTTP to a host that is not this machine. Anybody in between can read it. Default `false`. */
  allowPlainHttp?: boolean;
}

/** What every call takes beside its own arguments. */
export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** How long one request of this call may take. */
  timeoutMs?: number;
}

/** What a call that changes something takes. */
export interface WriteOptions extends CallOptions {
  /** The role to act in, instead of the client's. */
  role?: string;
}

/** Values of a query; those that are `undefined` are left out. */
export type QueryValues = Readonly<Record<string, string | number | boolean | undefined>>;

/** One call. */
export interface Call {
  operation: OperationId;
  method: "GET" | "POST" | "DELETE";
  /** The path, with `{name}` where a parameter goes. */
  path: string;
  params?: Readonly<Record<string, string>>;
  query?: QueryValues | undefined;
  body?: object;
  headers?: Readonly<Record<string, string>>;
  repeatable: Repeatable;
  options?: WriteOptions | undefined;
}

/** A 200 that was read. */
export interface Answer<T> {
  data: T;
  headers: Headers;
}

/** How long a request may take unless somebody says otherwise. */
const TIMEOUT_MS = 30_000;

/** Behind every client. */
export class Transport {
  readonly #base: string;
  readonly #options: ControlPlaneOptions;
  readonly #retry: RetryOptions;
  readonly #fetch: typeof globalThis.fetch;

  constructor(options: ControlPlaneOptions) {
    const base = baseOf(options.baseUrl);
    if (options.token !== undefined && options.cookie !== undefined) {
      throw new TypeError("give either `token` or `cookie`, not both");
    }
    if (options.token !== undefined && base.protocol !== "https:" && !isLoopback(base.hostname) && !options.allowPlainHttp) {
      throw new TypeError(
        `a token would go to ${base.origin} unencrypted: use https, or set \`allowPlainHttp\` if nobody can listen in between`,
      );
    }
    this.#base = base.origin + base.pathname.replace(/\/+$/, "");
    this.#options = options;
    this.#retry = { ...RETRY_DEFAULT, ...(options.retry === false ? { attempts: 1 } : options.retry) };
    this.#fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  /** How this client repeats; streams pause likewise. */
  get retry(): Readonly<RetryOptions> {
    return this.#retry;
  }

  /** Sends a call, again where that is safe and may help, and reads its answer as JSON. */
  async json<T>(call: Call): Promise<Answer<T>> {
    return this.#repeated(call, async (response, requestId) => {
      const text = await response.text();
      try {
        return { data: JSON.parse(text) as T, headers: response.headers };
      } catch (cause) {
        throw new ControlPlaneError({
          kind: "http",
          code: "CLIENT_HTTP",
          reason: "The answer is not JSON, so it is not the control plane's.",
          operation: call.operation,
          requestId,
          status: response.status,
          outcomeUnknown: call.repeatable !== "read",
          cause,
        });
      }
    });
  }

  /** Like {@link json}, for an answer that is bytes. */
  async bytes(call: Call): Promise<Answer<Uint8Array>> {
    return this.#repeated(call, async (response) => ({
      data: new Uint8Array(await response.arrayBuffer()),
      headers: response.headers,
    }));
  }

  /** What would be sent. Fails for a call that cannot be one, and where the caller's own functions do. */
  async prepared(call: Call, requestId: string): Promise<[url: string, init: RequestInit]> {
    return this.#request(call, requestId);
  }

  /** Sends what was prepared, once, and gives its answer unread, whatever its status. How long that may take the signal says. */
  open([url, init]: [string, RequestInit], signal: AbortSignal): Promise<Response> {
    return this.#fetch(url, { ...init, signal });
  }

  async #repeated<T>(call: Call, read: (response: Response, requestId: string) => Promise<T>): Promise<T> {
    const requestId = randomId();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(call, requestId, read);
      } catch (caught) {
        if (!(caught instanceof ControlPlaneError)) throw caught;
        const delayMs = pauseBefore(caught, call.repeatable, attempt, this.#retry, Math.random());
        if (delayMs === undefined) throw caught;
        this.#options.onRetry?.({ operation: call.operation, attempt, delayMs, error: caught });
        await pause(delayMs, call.options?.signal);
      }
    }
  }

  async #once<T>(call: Call, requestId: string, read: (response: Response, requestId: string) => Promise<T>): Promise<T> {
    const caller = call.options?.signal;
    const [url, init] = await this.#request(call, requestId);
    if (caller?.aborted) throw reasonOf(caller);
    const limitMs = call.options?.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    const until = deadline(caller, limitMs);
    const writes = call.repeatable !== "read";
    try {
      const response = await this.#fetch(url, { ...init, signal: until.signal });
      if (response.status !== 200) {
        throw await errorOf(response, { operation: call.operation, requestId, writes });
      }
      return await read(response, requestId);
    } catch (caught) {
      if (caught instanceof ControlPlaneError) throw caught;
      if (caller?.aborted) throw reasonOf(caller);
      throw unanswered(call.operation, requestId, writes, until.timedOut() ? limitMs : undefined, caught);
    } finally {
      until.done();
    }
  }

  async #request(call: Call, requestId: string): Promise<[string, RequestInit]> {
    const { token, cookie, role } = this.#options;
    const headers: Record<string, string> = { accept: "application/json", "x-request-id": requestId, ...call.headers };
    const bearer = await given("token", token);
    if (bearer !== undefined) headers["authorization"] = `Bearer ${bearer}`;
    const session = typeof cookie === "string" ? await given("cookie", cookie) : undefined;
    if (session !== undefined) headers["cookie"] = session;
    const stated = await given("role", call.options?.role ?? role);
    if (stated !== undefined) headers["x-cortexpilot-role"] = stated;
    const init: RequestInit = {
      method: call.method,
      headers,
      // A browser sends the session cookie where it is how the client signs in, and nothing of its own elsewhere.
      credentials: cookie === undefined ? "omit" : "include",
      cache: "no-store",
      // The control plane sends nobody elsewhere: whoever does is not it, and gets no token.
      redirect: "error",
    };
    // A page of another site cannot set it, so it proves that a page of ours asks. A bearer token needs no such proof.
    if (call.method !== "GET" && cookie !== undefined) headers["x-cortexpilot-csrf"] = "1";
    if (call.method === "POST") {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(call.body ?? {});
    }
    return [this.#base + addressed(call.path, call.params ?? {}) + queried(call.query ?? {}), init];
  }
}

/** No answer came. */
export function unanswered(
  operation: string,
  requestId: string,
  writes: boolean,
  limitMs: number | undefined,
  cause: unknown,
): ControlPlaneError {
  const shared = { operation, requestId, retry: "after_wait", whoCanAct: "you", outcomeUnknown: writes, cause } as const;
  if (limitMs !== undefined) {
    return new ControlPlaneError({
      ...shared,
      kind: "timeout",
      code: "CLIENT_TIMEOUT",
      reason: `No answer came within ${limitMs} ms.`,
      nextStep: writes ? "Look whether it was done before sending it again." : "Try again, or allow more time.",
    });
  }
  return new ControlPlaneError({
    ...shared,
    kind: "network",
    code: "CLIENT_NETWORK",
    reason: "No answer came: the control plane cannot be reached, or the connection was cut.",
    nextStep: writes ? "Look whether it was done before sending it again." : "Check that the control plane runs, then try again.",
  });
}

function baseOf(given: string | URL | undefined): URL {
  // In a page a relative address is one below the page's own; outside there is none.
  const page: string | undefined = globalThis.location?.href;
  if (given === undefined) {
    if (page === undefined) throw new TypeError("`baseUrl` is needed outside a page");
    return new URL(new URL(page).origin);
  }
  let base: URL;
  try {
    base = new URL(given, page);
  } catch {
    throw new TypeError("`baseUrl` is no address; it looks like `http://127.0.0.1:8000`");
  }
  if (base.protocol !== "http:" && base.protocol !== "https:") throw new TypeError("`baseUrl` must be http or https");
  if (base.username !== "" || base.password !== "") throw new TypeError("`baseUrl` must hold no user and no password");
  return base;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * A text that goes into a header, without the white space that files end with. What no header can carry is refused here: `fetch`
 * would refuse it too, with the secret in its message.
 */
async function given(name: string, value: Given | undefined): Promise<string | undefined> {
  const text = (typeof value === "function" ? await value() : value)?.trim();
  if (text === undefined || text === "") return undefined;
  if (!/^[\x20-\x7e]+$/.test(text)) throw new TypeError(`\`${name}\` holds characters that no header can carry`);
  return text;
}

/** Puts parameters into a path, each as one segment. */
function addressed(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/\{([a-z_]+)\}/g, (_, name: string) => {
    const value = params[name] ?? "";
    // A URL takes these for steps, also when they are escaped: the request would go to another path.
    if (value === "" || value === "." || value === "..") throw new TypeError(`\`${name}\` is no id: it is empty or a dot`);
    return encodeURIComponent(value);
  });
}

function queried(query: QueryValues): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string | number | boolean] => pair[1] !== undefined);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}
