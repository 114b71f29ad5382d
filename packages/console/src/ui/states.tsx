/** What a page says when it has nothing to show: yet, at all, any more, or to you. Each says what to do. */

import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { ACTOR_WORDS, RETRY_WORDS } from "@cortexpilot/frontend-shared";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";

import { Button, Copy, Foreign, Notice } from "./basic.js";

/** Nothing for a moment, then a word: what comes at once should not flicker. */
export function Loading({ what }: { what: string }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p role="status" className="px-3 py-6 text-muted">
      {late ? `Loading ${what}…` : " "}
    </p>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="px-3 py-8 text-center">
      <p className="font-medium">{title}</p>
      <div className="mx-auto mt-1 max-w-xl text-muted">{children}</div>
    </div>
  );
}

/** Why something did not work: the server's own words, what to do, who can, and how to find it in the log. */
export function Failed({ error, again, title }: { error: unknown; again?: (() => void) | undefined; title?: string }) {
  if (!isControlPlaneError(error)) {
    return (
      <Notice tone="bad" role="alert" title={title ?? "The console itself failed here"}>
        <p>
          <Foreign text={error instanceof Error ? error.message : String(error)} />
        </p>
        {again !== undefined && <Button onClick={again}>Try again</Button>}
      </Notice>
    );
  }
  const denied = error.status === 401 || error.status === 403;
  return (
    <Notice
      tone={denied || error.status === 404 ? "attention" : "bad"}
      role="alert"
      title={title ?? (denied ? "You may not do this" : error.status === 404 ? "It is not here" : "That did not work")}
    >
      <p>
        <Foreign text={error.reason} />
      </p>
      {error.outcomeUnknown && <p className="font-medium">It may have been done all the same: look before you send it again.</p>}
      {error.nextStep !== "" && (
        <p>
          <Foreign text={error.nextStep} />
        </p>
      )}
      <p className="mt-1 text-sm">
        {ACTOR_WORDS[error.whoCanAct]} {RETRY_WORDS[error.retry]}
      </p>
      <p className="mt-1 flex flex-wrap items-center gap-x-2 text-sm">
        <span className="font-mono">{error.code}</span>
        <span className="break-all">request {error.requestId}</span>
        <Copy text={error.requestId} label="Copy" quiet />
      </p>
      {again !== undefined && (
        <p className="mt-2">
          <Button onClick={again}>Try again</Button>
        </p>
      )}
    </Notice>
  );
}

/** One of three: it loads, it failed, or it is there. What was there stays while it is asked for again. */
export function Loaded<T>({ query, what, children }: { query: UseQueryResult<T>; what: string; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) {
    return (
      <div className="p-3">
        <Failed error={query.error} again={() => void query.refetch()} />
      </div>
    );
  }
  return <Loading what={what} />;
}
