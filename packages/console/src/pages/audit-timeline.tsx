/** Ledger and decisions as one timeline: a line each in a person's words, and the line itself below it. */

import { counted } from "@cortexpilot/frontend-shared";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { type Decision, type Entry, client } from "../data/client.js";
import { json, record, text } from "../lib/text.js";
import { Button, Foreign, Long, Time } from "../ui/basic.js";
import { Empty, Failed, Loading } from "../ui/states.js";
import { eventWord } from "../ui/words.js";
import { ProofOf, RawLine } from "./proof.js";

const PAGE = 100;

/** One line of either file. */
interface Told {
  key: string;
  ts: string;
  file: "queue" | "decisions";
  seq: number;
  event: string;
  words: ReactNode;
  search: string;
  more: ReactNode;
}

const KINDS = [
  { id: "", label: "everything" },
  { id: "queue", label: "what was done" },
  { id: "decisions", label: "what was refused and decided" },
  { id: "DENIED", label: "refusals" },
  { id: "APPROVED", label: "approvals" },
  { id: "QUEUE_ENQUEUE", label: "items queued" },
  { id: "QUEUE_CANCEL", label: "items cancelled" },
] as const;

export function Timeline({ event, q }: { event: string; q: string }) {
  const navigate = useNavigate({ from: "/audit" });
  const queueWanted = event !== "decisions" && (event === "" || event === "queue" || event.startsWith("QUEUE_"));
  const decisionsWanted = event !== "queue" && !event.startsWith("QUEUE_");
  const queueEvent = event.startsWith("QUEUE_") ? event : undefined;
  const decisionEvent = ["DENIED", "APPROVED"].includes(event) ? event : undefined;
  const lines = useInfiniteQuery({
    queryKey: ["ledger", "entries", queueEvent ?? ""],
    enabled: queueWanted,
    queryFn: ({ pageParam, signal }) =>
      client.ledger.entries({ order: "newest", limit: PAGE, ...(queueEvent ? { event: queueEvent } : {}), ...(pageParam ? { cursor: pageParam } : {}) }, { signal }).then((found) => found),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
  });
  const decisions = useInfiniteQuery({
    queryKey: ["ledger", "decisions", decisionEvent ?? ""],
    enabled: decisionsWanted,
    queryFn: ({ pageParam, signal }) =>
      client.decisions.list({ limit: PAGE, ...(decisionEvent ? { event: decisionEvent } : {}), ...(pageParam ? { cursor: pageParam } : {}) }, { signal }).then((found) => found),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: 10_000,
  });
  const entries = queueWanted ? (lines.data?.pages.flatMap((each) => each.items) ?? []) : [];
  const decided = decisionsWanted ? (decisions.data?.pages.flatMap((each) => each.items) ?? []) : [];
  // What is older than the oldest line of a file that has more cannot be placed yet.
  const floor = [queueWanted && lines.hasNextPage ? entries.at(-1)?.ts : undefined, decisionsWanted && decisions.hasNextPage ? decided.at(-1)?.ts : undefined]
    .filter((ts) => typeof ts === "string")
    .sort()
    .at(-1);
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const told = [...entries.map(ofEntry), ...decided.map(ofDecision)]
    .filter((each) => (floor === undefined || each.ts >= floor) && words.every((word) => each.search.includes(word)))
    .sort((a, b) => (a.ts === b.ts ? b.seq - a.seq : a.ts < b.ts ? 1 : -1));
  const more = (queueWanted && lines.hasNextPage) || (decisionsWanted && decisions.hasNextPage);
  const error = (queueWanted ? lines.error : null) ?? (decisionsWanted ? decisions.error : null);
  const pending = (queueWanted && lines.isPending) || (decisionsWanted && decisions.isPending);
  return (
    <>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <input
          data-filter
          type="search"
          className="field max-w-80"
          aria-label="Filter by who, what, run, task or code"
          placeholder="Filter: who, what, run, task, code"
          value={q}
          onChange={(change) => void navigate({ search: (was) => ({ ...was, q: change.target.value || undefined }), replace: true })}
        />
        <label className="flex items-center gap-1.5 text-sm text-muted">
          Show
          <select className="field w-auto" value={event} onChange={(change) => void navigate({ search: (was) => ({ ...was, event: change.target.value || undefined }) })}>
            {KINDS.map((kind) => (
              <option key={kind.id} value={kind.id}>
                {kind.label}
              </option>
            ))}
          </select>
        </label>
        <span className="text-sm text-muted">{counted(told.length, "line")} shown</span>
      </div>
      {error !== null && <Failed error={error} />}
      {pending ? (
        <Loading what="the ledger" />
      ) : told.length === 0 && error === null ? (
        <Empty title={words.length > 0 || event !== "" ? "No line matches" : "Nothing has happened here yet"}>
          {words.length === 0 && event === "" && "Every item that is queued, cancelled or finished, and every refusal and decision, becomes a line here that cannot be taken back."}
        </Empty>
      ) : (
        <ol className="card divide-y divide-line">
          {told.map((each) => (
            <TimelineRow key={each.key} told={each} />
          ))}
        </ol>
      )}
      {more && (
        <div className="mt-3">
          <Button
            busy={lines.isFetchingNextPage || decisions.isFetchingNextPage}
            onClick={() => {
              if (queueWanted && lines.hasNextPage) void lines.fetchNextPage();
              if (decisionsWanted && decisions.hasNextPage) void decisions.fetchNextPage();
            }}
          >
            Older lines
          </Button>
        </div>
      )}
    </>
  );
}

function TimelineRow({ told }: { told: Told }) {
  const [open, setOpen] = useState(false);
  return (
    <li className="px-3 py-1.5">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <span className="min-w-0 grow basis-80">{told.words}</span>
        <span className="text-sm text-muted">
          <Time at={told.ts} /> · {told.file === "queue" ? "ledger" : "decisions"} {told.seq.toLocaleString("en")}
        </span>
        <button type="button" className="link text-sm" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "less" : "the line"}
          <span className="sr-only">
            {" "}
            {told.file} {told.seq}
          </span>
        </button>
      </div>
      {open && <div className="mt-1">{told.more}</div>}
    </li>
  );
}

const RECEIPT_OF: Readonly<Record<string, string>> = { QUEUE_ENQUEUE: "enqueued", QUEUE_CANCEL: "cancelled", QUEUE_CLAIM: "claimed", QUEUE_DONE: "completed" };

function ofEntry(entry: Entry): Told {
  const facts = factsOf(entry.line);
  const task = text(facts["task_id"]) ?? "";
  const run = text(facts["source_run_id"]);
  const approvals = Array.isArray(facts["approvals"]) ? facts["approvals"].map(String) : [];
  // Some lines are nobody's doing: a deadline that passed, a worker's completion that names its claim alone.
  const who = entry.by ?? text(facts["by"]) ?? "";
  const status = entry.event === "QUEUE_DONE" ? text(facts["status"]) : undefined;
  const of = RECEIPT_OF[entry.event];
  return {
    key: `q${entry.seq}`,
    ts: entry.ts ?? "",
    file: "queue",
    seq: entry.seq,
    event: entry.event,
    search: `${entry.event} ${who} ${task} ${run ?? ""} ${entry.reason ?? ""} ${entry.queue_id ?? ""} ${approvals.join(" ")}`.toLowerCase(),
    words: (
      <>
        {who !== "" && (
          <>
            <Foreign text={who} className="font-medium" /> {entry.event === "QUEUE_ENQUEUE" && approvals.length > 0 ? `had it queued, approved by ${approvals.join(" and ")}: ` : `${eventWord(entry.event)} `}
          </>
        )}
        {entry.queue_id ? (
          <Link to="/queue/$queueId" params={{ queueId: entry.queue_id }} className="quiet-link underline decoration-line">
            <Foreign text={task || entry.queue_id} />
          </Link>
        ) : null}
        {who === "" && ` ${["QUEUE_HOLD", "QUEUE_REQUEUE", "QUEUE_STOP"].includes(entry.event) ? "was " : ""}${eventWord(entry.event)}`}
        {status !== undefined && <> as {status}</>}
        {run !== undefined && (
          <>
            {" "}
            from{" "}
            <Link to="/runs/$runId" params={{ runId: run }} className="quiet-link text-muted">
              <Foreign text={run} />
            </Link>
          </>
        )}
        {entry.reason ? (
          <span className="text-muted">
            {" "}
            because “<Long text={entry.reason} />”
          </span>
        ) : null}
        {entry.problem !== undefined && <span className="text-attention-ink"> ! {entry.problem}</span>}
      </>
    ),
    more: (
      <>
        {entry.queue_id && of !== undefined ? (
          <ProofOf queueId={entry.queue_id} seq={entry.seq} receiptAt={`/api/queue/${entry.queue_id}/receipt?of=${of}`} line={entry.line ?? undefined} />
        ) : null}
        {entry.line != null ? <RawLine line={entry.line} /> : <p className="text-muted">This line of an original ledger cannot be shown as text.</p>}
      </>
    ),
  };
}

function factsOf(line: string | null | undefined): Record<string, unknown> {
  if (line == null) return {};
  try {
    return record(JSON.parse(line)) ?? {};
  } catch {
    return {};
  }
}

function ofDecision(decision: Decision): Told {
  return {
    key: `d${decision.seq}`,
    ts: decision.ts,
    file: "decisions",
    seq: decision.seq,
    event: decision.event,
    search: `${decision.event} ${decision.code ?? ""} ${decision.principal} ${decision.run_id ?? ""} ${decision.reason ?? ""} ${decision.approval_id ?? ""}`.toLowerCase(),
    words: (
      <>
        <Foreign text={decision.principal} className="font-medium" /> {eventWord(decision.event)}
        {decision.code ? (
          <>
            {" "}
            with <span className="font-mono text-sm">{decision.code}</span>
          </>
        ) : null}
        {decision.count > 1 && <> {decision.count} times</>}
        {decision.run_id ? (
          <>
            {" "}
            for{" "}
            <Link to="/runs/$runId" params={{ runId: decision.run_id }} className="quiet-link text-muted">
              <Foreign text={decision.run_id} />
            </Link>
          </>
        ) : null}
        {decision.approval_id ? (
          <>
            {" "}
            (
            <Link to="/approvals" search={{ open: decision.approval_id }} className="link">
              request
            </Link>
            )
          </>
        ) : null}
        {decision.reason ? (
          <span className="text-muted">
            {" "}
            “<Long text={decision.reason} />”
          </span>
        ) : null}
      </>
    ),
    more: (
      <div className="scroller rounded-md border border-line bg-panel p-2" tabIndex={0} role="group" aria-label="The decision as facts">
        <Foreign text={json(decision)} mono />
      </div>
    ),
  };
}
