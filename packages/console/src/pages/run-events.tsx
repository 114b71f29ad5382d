/** A run's events three ways: as time, as a list, as they were written. Fifty thousand of them are no reason to wait or to stutter. */

import type { RunEvent } from "@cortexpilot/frontend-api-client";
import { counted, duration, instant } from "@cortexpilot/frontend-shared";
import { useNavigate } from "@tanstack/react-router";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";

import { client } from "../data/client.js";
import { follow } from "../data/follow.js";
import { json, record } from "../lib/text.js";
import { Button, Foreign, Line, Time, cx } from "../ui/basic.js";
import { Empty, Failed, Loading } from "../ui/states.js";
import { type VirtualHandle, VirtualList } from "../ui/virtual.js";

/** What is drawn of an event, computed once. */
interface Row {
  at: number;
  ts: string;
  ms: number | undefined;
  name: string;
  about: string;
  event: RunEvent;
  search: string;
}

const VIEWS = [
  { id: "list", label: "List" },
  { id: "timeline", label: "Timeline" },
  { id: "raw", label: "Raw" },
] as const;

/** Most that the server gives in one answer. */
const PAGE = 500;

/**
 * All events of a run from the first on: page by page where the run has ended, and as they are written while it goes on. What has ended
 * needs no connection of its own, of which a browser has few.
 */
function useEvents(runId: string, running: boolean): { rows: readonly Row[]; loading: boolean; error: unknown } {
  const [state, setState] = useState<{ rows: readonly Row[]; loading: boolean; error: unknown }>({ rows: [], loading: true, error: undefined });
  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    let rows: Row[] = [];
    let loading = true;
    let error: unknown;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = (): void => {
      clearTimeout(timer);
      timer = undefined;
      if (!signal.aborted) setState({ rows: rows.slice(), loading, error });
    };
    // Events come faster than they need to be drawn.
    const soon = (): void => {
      timer ??= setTimeout(show, rows.length < 100 ? 20 : 200);
    };
    const add = (event: RunEvent): void => void rows.push(rowOf(event, rows.length));
    const pages = async (): Promise<void> => {
      for await (const page of client.runs.events(runId, { limit: PAGE }, { signal }).pages()) {
        page.items.forEach(add);
        soon();
      }
      loading = false;
    };
    const stream = (): Promise<void> =>
      follow(
        {
          open: (options) => client.runs.watch(runId, { ...options, tail: false, limit: 5_000 }),
          take: ({ event, data }) => {
            if (event === "reset") rows = [];
            else if (event === "caught_up") loading = false;
            else add(data);
            soon();
          },
          onEnd: (caught) => {
            error = caught;
            return caught === undefined;
          },
        },
        signal,
      );
    void (running ? stream() : pages())
      .catch((caught: unknown) => {
        error = caught;
      })
      .finally(() => {
        loading = false;
        show();
      });
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [runId, running]);
  return state;
}

function rowOf(event: RunEvent, at: number): Row {
  const ts = typeof event.ts === "string" ? event.ts : "";
  const name = event.event ?? (event.raw === undefined ? "(no name)" : "(not JSON)");
  const context = record(event["context"]) ?? record(event["payload"]) ?? {};
  const about =
    event.raw ??
    Object.entries(context)
      .map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
      .join("  ");
  const short = about.length > 300 ? about.slice(0, 300) : about;
  return { at, ts, ms: instant(ts)?.getTime(), name, about: short, event, search: `${name} ${short}`.toLowerCase() };
}

export function Events({ runId, running, view, q }: { runId: string; running: boolean; view: string | undefined; q: string | undefined }) {
  const navigate = useNavigate({ from: "/runs/$runId" });
  const { rows, loading, error } = useEvents(runId, running);
  const shownAs = VIEWS.find(({ id }) => id === view)?.id ?? "list";
  const wanted = useDeferredValue(q ?? "");
  const [chosen, setChosen] = useState<number>();
  const list = useRef<VirtualHandle>(null);
  const found = useMemo(() => {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    return words.length === 0 ? rows : rows.filter((row) => words.every((word) => row.search.includes(word)));
  }, [rows, wanted]);
  const first = rows.find((row) => row.ms !== undefined)?.ms ?? 0;
  const last = rows.findLast((row) => row.ms !== undefined)?.ms ?? first;
  const event = chosen === undefined ? undefined : rows[chosen];
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap items-center gap-2">
        <div role="group" aria-label="Shown as" className="flex rounded-md border border-line">
          {VIEWS.map((each) => (
            <button
              key={each.id}
              type="button"
              aria-pressed={each.id === shownAs}
              onClick={() => void navigate({ search: (was) => ({ ...was, view: each.id }), replace: true })}
              className={cx("px-2.5 py-1 first:rounded-l-md last:rounded-r-md", each.id === shownAs ? "bg-panel font-medium" : "text-muted hover:text-ink")}
            >
              {each.label}
            </button>
          ))}
        </div>
        <input
          data-filter
          type="search"
          className="field max-w-72"
          placeholder="Filter events"
          aria-label="Filter events"
          value={q ?? ""}
          onChange={(change) => void navigate({ search: (was) => ({ ...was, q: change.target.value || undefined }), replace: true })}
        />
        <span role="status" className="text-sm text-muted">
          {loading ? `reading… ${rows.length.toLocaleString("en")}` : counted(found.length, "event").replace(/^\d+/, (count) => Number(count).toLocaleString("en"))}
          {first !== last && ` over ${duration(last - first, "short") ?? ""}`}
          {running && " · live"}
        </span>
        <span className="ml-auto flex gap-2">
          <Button small onClick={() => list.current?.reveal(0)}>
            First
          </Button>
          <Button small onClick={() => list.current?.toEnd()}>
            Last
          </Button>
        </span>
      </div>
      {error !== undefined && <Failed error={error} title="Not all events could be read" />}
      {rows.length === 0 && loading ? (
        <Loading what="events" />
      ) : found.length === 0 ? (
        <Empty title={rows.length === 0 ? "This run wrote no events" : "No event matches"} />
      ) : (
        <div className={cx("grid items-start gap-3", event !== undefined && "lg:grid-cols-[minmax(0,1fr)_26rem]")}>
          <div className="card overflow-clip">
            <VirtualList
              handle={list}
              items={found}
              rowHeight={28}
              label="Events"
              className={found.length > 14 ? "h-[calc(100dvh-19rem)] min-h-80" : undefined}
              keyOf={(row) => String(row.at)}
              render={(row) => (
                <button
                  type="button"
                  onClick={() => setChosen(row.at)}
                  aria-pressed={row.at === chosen}
                  className={cx("row flex h-7 w-full items-center gap-3 border-b border-line px-3 text-left", row.at === chosen && "bg-panel")}
                >
                  {shownAs === "raw" ? (
                    <Line text={JSON.stringify(row.event)} mono />
                  ) : (
                    <>
                      <span className="w-10 shrink-0 text-right font-mono sm:w-16 text-sm text-muted" title={row.ts}>
                        {row.ms === undefined ? "–" : `+${((row.ms - first) / 1000).toFixed(1)}`}
                      </span>
                      {shownAs === "timeline" ? <Bar row={row} next={rows[row.at + 1]} first={first} last={last} /> : null}
                      <Line text={row.name} className="grow font-medium sm:w-56 sm:shrink-0 sm:grow-0" />
                      <Line text={row.about} className="hidden grow text-muted sm:block" />
                    </>
                  )}
                </button>
              )}
            />
          </div>
          {event !== undefined && (
            <section aria-label="The event" className="card min-w-0 lg:sticky lg:top-20">
              <header>
                <h2 className="min-w-0">
                  <Foreign text={event.name} />
                </h2>
                <span className="text-sm text-muted">
                  <Time at={event.ts} exact />
                </span>
                <span className="ml-auto">
                  <Button small onClick={() => setChosen(undefined)}>
                    Close
                  </Button>
                </span>
              </header>
              <div className="scroller max-h-[60dvh] p-3" tabIndex={0} role="group" aria-label="As it was written">
                <Foreign text={json(event.event)} mono />
              </div>
            </section>
          )}
        </div>
      )}
    </div>
  );
}

/** From an event to the next: what took long is long. */
function Bar({ row, next, first, last }: { row: Row; next: Row | undefined; first: number; last: number }) {
  const span = Math.max(1, last - first);
  const from = row.ms === undefined ? 0 : ((row.ms - first) / span) * 100;
  const to = next?.ms === undefined ? from : ((next.ms - first) / span) * 100;
  return (
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" className="h-2 w-14 shrink-0 sm:w-48" aria-hidden="true">
      <rect x="0" y="3" width="100" height="2" className="fill-line" />
      <rect x={Math.min(99, from)} y="1" width={Math.max(1, to - from)} height="6" className="fill-active-edge" />
    </svg>
  );
}
