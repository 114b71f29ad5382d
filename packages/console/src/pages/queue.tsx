/** The queue: what waits and why, what is in work, what came of the rest. One item opens beside the list, not instead of it. */

import { Dialog } from "@base-ui/react/dialog";
import { counted } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi, useNavigate } from "@tanstack/react-router";
import { memo, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";

import { Title } from "../app/frame.js";
import { useKeys } from "../app/keyboard.js";
import type { Item } from "../data/client.js";
import { ITEMS_MAX, queueStore, useQueue } from "../data/live.js";
import { countsQuery, gateQuery, itemQuery, useSession } from "../data/queries.js";
import { useNarrow } from "../lib/media.js";
import { useSteady } from "../lib/steady.js";
import { SORTS, VIEWS, type View, countedIn, matches, sorted } from "../lib/views.js";
import { Button, Foreign, Line, Notice, Time, cx } from "../ui/basic.js";
import { CopyAs } from "../ui/command.js";
import { RowLink, addressOf } from "../ui/row-link.js";
import { Empty, Failed, Loaded, Loading } from "../ui/states.js";
import { Tabs } from "../ui/tabs.js";
import { type VirtualHandle, VirtualList } from "../ui/virtual.js";
import { Sla, Status, whyWaits } from "../ui/words.js";
import { useCancelMany } from "./item-actions.js";
import { ItemDetail } from "./item-detail.js";

const page = getRouteApi("/queue");

export function QueuePage() {
  const search = page.useSearch();
  const navigate = useNavigate({ from: "/queue" });
  const picture = useQueue();
  const session = useSession();
  const narrow = useNarrow();
  const view = VIEWS.find(({ id }) => id === search.tab) ?? (VIEWS[0] as View);
  const sort = search.sort ?? (view.id === "open" || view.id === "ready" ? "claim" : "new");
  const [typed, setTyped] = useState(search.q ?? "");
  const wanted = useDeferredValue(typed);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<string>();
  const list = useRef<VirtualHandle>(null);
  const many = useCancelMany(() => setChosen(new Set()));

  // The address follows what is typed, without a step in the history for each letter.
  useEffect(() => {
    if ((search.q ?? "") !== wanted) void navigate({ search: (was) => ({ ...was, q: wanted || undefined }), replace: true });
  }, [wanted, search.q, navigate]);

  const found = useMemo(
    () => picture.items.filter((item) => matches(item, wanted) && (search.workflow === undefined || item.workflow_id === search.workflow)),
    [picture.items, wanted, search.workflow],
  );
  const filtered = wanted !== "" || search.workflow !== undefined;
  // The server counts all there is; here is counted what is held, which is all that a filter can look at.
  const server = useQuery(countsQuery).data;
  const counts = useMemo(() => {
    const whole = !filtered && server !== undefined && (picture.loading || picture.capped);
    return new Map(VIEWS.map((each) => [each.id, whole ? countedIn(each.id, server) : found.reduce((sum, item) => sum + (each.has(item) ? 1 : 0), 0)]));
  }, [found, filtered, server, picture.loading, picture.capped]);
  const rows = useMemo(() => sorted(found.filter(view.has), sort), [found, view, sort]);
  const byId = useMemo(() => new Map(picture.items.map((item) => [item.queue_id, item])), [picture.items]);
  const steady = useSteady(rows, (item) => item.queue_id, (id) => byId.get(id), `${view.id} ${sort} ${wanted} ${search.workflow ?? ""}`);
  const { shown } = steady;

  const toggle = useCallback((id: string): void => {
    setChosen((was) => {
      const now = new Set(was);
      if (!now.delete(id)) now.add(id);
      return now;
    });
  }, []);
  const open = (id: string | undefined): void => void navigate({ search: (was) => ({ ...was, item: id }), replace: id === undefined });
  const go = (step: number): void => {
    const at = shown.findIndex((item) => item.queue_id === cursor);
    const next = Math.min(shown.length - 1, Math.max(0, at < 0 ? 0 : at + step));
    setCursor(shown[next]?.queue_id);
    list.current?.reveal(next);
  };
  const cancellable = [...chosen].filter((id) => byId.get(id)?.status === "PENDING");
  useKeys({
    j: () => go(1),
    k: () => go(-1),
    Enter: (event) => {
      // A button or link that has the focus keeps its own Enter.
      if (event.target instanceof HTMLElement && event.target.closest("a,button") !== null) return;
      if (cursor !== undefined) open(cursor);
    },
    x: () => cursor !== undefined && byId.get(cursor)?.status === "PENDING" && toggle(cursor),
    c: () => {
      const ids = cancellable.length > 0 ? cancellable : cursor !== undefined && byId.get(cursor)?.status === "PENDING" ? [cursor] : [];
      if (ids.length > 0) many.start(ids);
    },
  });

  return (
    <>
      <Title
        name="Queue"
        aside={
          <>
            <CopyAs command={["queue", "list"]} http={{ method: "GET", path: "/api/queue?limit=500" }} />
          </>
        }
      >
        Queue
      </Title>
      <Tabs
        label="States"
        here={view.id}
        to={(id) => ({ to: "/queue", search: { ...search, tab: id, item: undefined } })}
        tabs={VIEWS.filter((each) => each.always || (counts.get(each.id) ?? 0) > 0 || each.id === view.id).map((each) => ({
          id: each.id,
          label: each.label,
          count: picture.loading && (filtered || server === undefined) ? undefined : (counts.get(each.id) ?? 0),
          loud: each.loud === true && (counts.get(each.id) ?? 0) > 0,
        }))}
      />
      <div className="mb-2 flex flex-wrap items-center gap-2">
        <input
          data-filter
          type="search"
          aria-label="Filter by task, run, who asked, owner, case or id"
          placeholder="Filter: task, run, who asked, case, id"
          className="field max-w-80"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <label className="flex items-center gap-1.5 text-sm text-muted">
          Order
          <select
            className="field w-auto"
            value={sort}
            onChange={(event) => void navigate({ search: (was) => ({ ...was, sort: event.target.value }), replace: true })}
          >
            {SORTS.map((each) => (
              <option key={each.id} value={each.id}>
                {each.label}
              </option>
            ))}
          </select>
        </label>
        {search.workflow !== undefined && (
          <span className="flex min-w-0 items-center gap-1 text-sm">
            case <Line text={search.workflow} />
            <button type="button" className="link" onClick={() => void navigate({ search: (was) => ({ ...was, workflow: undefined }) })}>
              show all
            </button>
          </span>
        )}
        {picture.loading && picture.items.length > 0 && <span className="text-sm text-muted">reading… {picture.items.length.toLocaleString("en")}</span>}
        <span className="ml-auto flex flex-wrap items-center gap-2">
          {steady.fresh > 0 && (
            <Button small onClick={steady.release}>
              {`${steady.fresh} new`}
            </Button>
          )}
          {chosen.size > 0 && (
            <>
              <span className="text-sm text-muted">{chosen.size} selected</span>
              <Button small kind="danger" onClick={() => many.start(cancellable)} why={cancellable.length === 0 ? "None of them waits any more." : session.kind === "worker" ? "Workers do not cancel." : undefined}>
                {`Cancel ${cancellable.length} (rolls back)…`}
              </Button>
              <Button small onClick={() => setChosen(new Set())}>
                Select none
              </Button>
            </>
          )}
        </span>
      </div>
      {many.outcome !== undefined && <Outcome outcome={many.outcome} forget={many.forget} />}
      {picture.capped && (
        <div className="mb-2">
          <Notice tone="attention">
            <p>
              This history is longer than {ITEMS_MAX.toLocaleString("en")} items. Here are the newest of them and everything that is still open; the counts are of all. Older
              ones are on the command line: <code className="font-mono">cortexpilot queue list</code>
            </p>
          </Notice>
        </div>
      )}
      {picture.error !== undefined && picture.items.length === 0 ? (
        <Failed error={picture.error} again={() => void queueStore.reload()} />
      ) : picture.loading && picture.items.length === 0 ? (
        <Loading what="the queue" />
      ) : shown.length === 0 ? (
        <Nothing view={view} filtered={filtered} clear={() => setTyped("")} />
      ) : (
        <div {...steady.hands} className="card overflow-clip">
          {!narrow && (
            <div className={cx(COLUMNS, "border-b border-line px-3 py-1 text-sm text-muted")} aria-hidden="true">
              <span />
              <span>Task</span>
              <span>State</span>
              <span>Why it waits</span>
              <span className="text-right">Priority</span>
              <span>Deadline</span>
              <span>Age</span>
              <span>Asked by</span>
            </div>
          )}
          <VirtualList
            handle={list}
            items={shown}
            rowHeight={narrow ? 60 : 36}
            label={`${view.label}: ${counted(shown.length, "item")}`}
            className={shown.length > 14 ? "h-[calc(100dvh-17rem)] min-h-80" : undefined}
            keyOf={(item) => item.queue_id}
            render={(item) => (
              <Row item={item} narrow={narrow} here={item.queue_id === cursor} chosen={chosen.has(item.queue_id)} toggle={toggle} href={addressOf("/queue", { ...search, item: item.queue_id })} />
            )}
          />
        </div>
      )}
      {many.dialog}
      <Drawer id={search.item} close={() => open(undefined)} />
    </>
  );
}

const COLUMNS = "grid grid-cols-[1.25rem_minmax(8rem,2.2fr)_8rem_minmax(6rem,1.6fr)_4rem_8rem_7rem_minmax(5rem,1fr)] items-center gap-x-3";

const Row = memo(function Row({
  item,
  narrow,
  here,
  chosen,
  toggle,
  href,
}: {
  item: Item;
  narrow: boolean;
  here: boolean;
  chosen: boolean;
  toggle: (id: string) => void;
  href: string;
}) {
  const pending = item.status === "PENDING";
  const select = (
    <input
      type="checkbox"
      checked={chosen}
      disabled={!pending}
      title={pending ? undefined : "Only what waits can be cancelled"}
      aria-label={`Select ${item.task_id}`}
      onChange={() => toggle(item.queue_id)}
      className={pending ? "" : "opacity-40"}
    />
  );
  const link = (
    <RowLink href={href} className="quiet-link block min-w-0 font-medium">
      <Line text={item.task_id} />
    </RowLink>
  );
  if (narrow) {
    return (
      <div className={cx("flex h-[60px] items-center gap-3 border-b border-line px-3", here && "bg-panel")}>
        {select}
        <div className="min-w-0 grow">
          {link}
          <div className="flex min-w-0 items-baseline gap-2 overflow-clip text-sm whitespace-nowrap text-muted">
            <Status item={item} plain />
            <span>priority {item.priority}</span>
            <Time at={item.created_at} />
          </div>
        </div>
      </div>
    );
  }
  return (
    <div className={cx(COLUMNS, "row h-9 border-b border-line px-3", here && "bg-panel shadow-[inset_2px_0_0_var(--accent)]")}>
      {select}
      {link}
      <Status item={item} plain />
      <Line text={whyWaits(item) ?? ""} className="text-muted" />
      <span className="text-right">{item.priority}</span>
      <span className="truncate whitespace-nowrap">{item.deadline_at === "" ? <span className="text-muted">–</span> : <Sla item={item} />}</span>
      <span className="truncate text-muted">
        <Time at={item.created_at} />
      </span>
      <Line text={item.asked_by ?? "–"} className="text-muted" />
    </div>
  );
});

function Nothing({ view, filtered, clear }: { view: View; filtered: boolean; clear: () => void }) {
  const gate = useQuery(gateQuery);
  if (filtered) {
    return (
      <Empty title="Nothing here matches the filter">
        <button type="button" className="link" onClick={clear}>
          Clear the filter
        </button>
      </Empty>
    );
  }
  return (
    <Empty title={view.empty}>
      {(view.id === "open" || view.id === "all" || view.id === "ready") && (
        <p>
          An item comes from a run that was done before: look at one under{" "}
          <Link to="/runs" className="link">
            Runs
          </Link>{" "}
          and preview it again.
          {gate.data?.mutation_gate === "default-off" && " Queueing is switched off here; a preview works all the same, and says how it is switched on."}
        </p>
      )}
    </Empty>
  );
}

function Outcome({ outcome, forget }: { outcome: { cancelled: number; refused: { id: string; why: string }[] }; forget: () => void }) {
  return (
    <div className="mb-2">
      <Notice tone={outcome.refused.length === 0 ? "good" : "attention"} role="status" title={`${counted(outcome.cancelled, "item")} cancelled${outcome.refused.length > 0 ? `, ${outcome.refused.length} not` : ""}`}>
        <ul>
          {outcome.refused.map(({ id, why }) => (
            <li key={id}>
              <Link to="/queue/$queueId" params={{ queueId: id }} className="font-mono underline">
                {id.slice(0, 8)}
              </Link>
              : <Foreign text={why} />
            </li>
          ))}
        </ul>
        <button type="button" className="underline" onClick={forget}>
          Hide
        </button>
      </Notice>
    </div>
  );
}

function Drawer({ id, close }: { id: string | undefined; close: () => void }) {
  // Kept while it closes, so that it does not become empty first.
  const last = useRef(id);
  if (id !== undefined) last.current = id;
  return (
    <Dialog.Root open={id !== undefined} onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Popup className="scroller fixed inset-y-0 right-0 z-40 w-[min(44rem,100vw)] border-l border-line bg-page p-4 shadow-float outline-none">
          {last.current !== undefined && <InDrawer id={last.current} />}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function InDrawer({ id }: { id: string }) {
  const item = useQuery(itemQuery(id));
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center gap-x-3 gap-y-1">
        <Dialog.Title className="order-last min-w-0 basis-full text-lg font-semibold sm:order-none sm:basis-auto">
          <Foreign text={item.data?.task_id ?? id} />
        </Dialog.Title>
        {item.data && <Status item={item.data} />}
        <Link to="/queue/$queueId" params={{ queueId: id }} className="link ml-auto shrink-0 text-sm">
          Own page
        </Link>
        <Dialog.Close className="shrink-0 rounded-md border border-line px-2 py-0.5 text-sm hover:border-strong">Close</Dialog.Close>
      </div>
      <Loaded query={item} what="the item">
        {(data) => <ItemDetail item={data} />}
      </Loaded>
    </>
  );
}
