/** Runs, newest first: what was done, how it ended, and the way to have it done again. */

import { OUTCOME, OUTCOME_TYPES, counted, duration, instant, lookOf } from "@cortexpilot/frontend-shared";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useCallback, useRef, useState } from "react";

import { Title } from "../app/frame.js";
import { useKeys } from "../app/keyboard.js";
import { type RunRow, client } from "../data/client.js";
import { useNarrow } from "../lib/media.js";
import { useSteady } from "../lib/steady.js";
import { Badge, Button, Line, Notice, Time, cx } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { RowLink } from "../ui/row-link.js";
import { Empty, Failed, Loading } from "../ui/states.js";
import { type VirtualHandle, VirtualList } from "../ui/virtual.js";

const page = getRouteApi("/runs");

export function Runs() {
  const { q = "", outcome, workflow } = page.useSearch();
  const navigate = useNavigate({ from: "/runs" });
  const narrow = useNarrow();
  const list = useRef<VirtualHandle>(null);
  const [cursor, setCursor] = useState<string>();
  const runs = useInfiniteQuery({
    queryKey: ["runs", "list", outcome ?? "", workflow ?? ""],
    queryFn: ({ pageParam, signal }) =>
      client.runs.list({ limit: 200, ...(pageParam === "" ? {} : { cursor: pageParam }), ...(outcome ? { outcome: outcome as never } : {}), ...(workflow ? { workflow_id: workflow } : {}) }, { signal }).then((page) => page),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
    refetchInterval: 15_000,
  });
  const all = runs.data?.pages.flatMap((each) => each.items) ?? [];
  const problems = runs.data?.pages.flatMap((each) => each.problems ?? []) ?? [];
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = all.filter((run) => {
    const text = `${run.run_id} ${run.task_id ?? ""} ${run.workflow_id} ${run.owner_agent_id} ${run.assigned_agent_id} ${run.failure_reason}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const byId = new Map(all.map((run) => [run.run_id, run]));
  const steady = useSteady(rows, (run) => run.run_id, (id) => byId.get(id), `${q} ${outcome ?? ""} ${workflow ?? ""} ${all.length > 0 && runs.data ? runs.data.pages.length : 0}`);
  const more = useCallback(() => {
    if (runs.hasNextPage && !runs.isFetchingNextPage) void runs.fetchNextPage();
  }, [runs.hasNextPage, runs.isFetchingNextPage, runs.fetchNextPage]);
  const go = (step: number): void => {
    const at = steady.shown.findIndex((run) => run.run_id === cursor);
    const next = Math.min(steady.shown.length - 1, Math.max(0, at < 0 ? 0 : at + step));
    setCursor(steady.shown[next]?.run_id);
    list.current?.reveal(next);
  };
  useKeys({
    j: () => go(1),
    k: () => go(-1),
    Enter: (event) => {
      if (event.target instanceof HTMLElement && event.target.closest("a,button") !== null) return;
      if (cursor !== undefined) void navigate({ to: "/runs/$runId", params: { runId: cursor } });
    },
  });
  return (
    <>
      <Title name="Runs" aside={<CopyAs command={["runs", "list"]} http={{ method: "GET", path: "/api/runs?limit=50&cursor=" }} />}>
        Runs
      </Title>
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <input
          data-filter
          type="search"
          className="field max-w-80"
          aria-label="Filter by run, task, case, agent or failure"
          placeholder="Filter: run, task, case, agent, failure"
          value={q}
          onChange={(event) => void navigate({ search: (was) => ({ ...was, q: event.target.value || undefined }), replace: true })}
        />
        <label className="flex items-center gap-1.5 text-sm text-muted">
          Ended
          <select className="field w-auto" value={outcome ?? ""} onChange={(event) => void navigate({ search: (was) => ({ ...was, outcome: event.target.value || undefined }) })}>
            <option value="">in any way</option>
            {OUTCOME_TYPES.map((each) => (
              <option key={each} value={each}>
                {lookOf(OUTCOME, each).label}
              </option>
            ))}
          </select>
        </label>
        {workflow !== undefined && (
          <span className="flex min-w-0 items-center gap-1 text-sm">
            case <Line text={workflow} />
            <button type="button" className="link" onClick={() => void navigate({ search: (was) => ({ ...was, workflow: undefined }) })}>
              show all
            </button>
          </span>
        )}
        {steady.fresh > 0 && (
          <span className="ml-auto">
            <Button small onClick={steady.release}>{`${steady.fresh} new`}</Button>
          </span>
        )}
      </div>
      {problems.length > 0 && (
        <div className="mb-2">
          <Notice tone="attention">
            <p>
              {counted(problems.length, "thing")} could not be read: {problems[0]?.file}, {problems[0]?.problem}
            </p>
          </Notice>
        </div>
      )}
      {runs.isError && all.length === 0 ? (
        <Failed error={runs.error} again={() => void runs.refetch()} />
      ) : runs.isPending ? (
        <Loading what="runs" />
      ) : steady.shown.length === 0 ? (
        words.length > 0 || outcome !== undefined || workflow !== undefined ? (
          <Empty title="No run matches">{runs.hasNextPage && <Button onClick={more}>Look at older runs</Button>}</Empty>
        ) : (
          <Empty title="There are no runs yet">
            <p>
              Runs are directories that agents leave behind. Record a first one: <code className="font-mono">cortexpilot runs record</code>
            </p>
          </Empty>
        )
      ) : (
        <div {...steady.hands} className="card overflow-clip">
          {!narrow && (
            <div className={cx(COLUMNS, "border-b border-line px-3 py-1 text-sm text-muted")} aria-hidden="true">
              <span>Task</span>
              <span>Ended</span>
              <span>Run</span>
              <span>Agent</span>
              <span>Took</span>
              <span>When</span>
            </div>
          )}
          <VirtualList
            handle={list}
            items={steady.shown}
            rowHeight={narrow ? 60 : 36}
            label={counted(steady.shown.length, "run")}
            className={steady.shown.length > 14 ? "h-[calc(100dvh-15rem)] min-h-80" : undefined}
            keyOf={(run) => run.run_id}
            onEnd={more}
            render={(run) => <Row run={run} narrow={narrow} here={run.run_id === cursor} />}
          />
        </div>
      )}
    </>
  );
}

const COLUMNS = "grid grid-cols-[minmax(8rem,2fr)_9rem_minmax(8rem,2fr)_minmax(5rem,1fr)_6rem_8rem] items-center gap-x-3";

/** How long a run took. */
export function took(from: string | null | undefined, to: string | null | undefined): string {
  const [start, end] = [instant(from), instant(to)];
  if (start === undefined || end === undefined) return "–";
  return duration(end.getTime() - start.getTime(), "short") ?? "–";
}

function Row({ run, narrow, here }: { run: RunRow; narrow: boolean; here: boolean }) {
  const look = lookOf(OUTCOME, run.outcome_type);
  const link = (
    <RowLink href={`/runs/${encodeURIComponent(run.run_id)}`} className="quiet-link block min-w-0 font-medium">
      <Line text={run.task_id ?? run.run_id} />
    </RowLink>
  );
  if (narrow) {
    return (
      <div className={cx("flex h-[60px] flex-col justify-center border-b border-line px-3", here && "bg-panel")}>
        {link}
        <div className="flex min-w-0 items-baseline gap-2 overflow-clip text-sm whitespace-nowrap text-muted">
          <Badge look={look} plain />
          <Time at={run.created_at} />
        </div>
      </div>
    );
  }
  return (
    <div className={cx(COLUMNS, "row h-9 border-b border-line px-3", here && "bg-panel shadow-[inset_2px_0_0_var(--accent)]")}>
      {link}
      <span className="truncate">
        <Badge look={look} plain />
      </span>
      <Line text={run.run_id} mono className="text-muted" />
      <Line text={run.assigned_agent_id} className="text-muted" />
      <span className="text-muted">{took(run.created_at, run.finished_at)}</span>
      <span className="truncate text-muted">
        <Time at={run.created_at} />
      </span>
    </div>
  );
}
