/** What stands around every page: where one can go, whether agents may queue, whether the ledger is sound, whether this is live. */

import { Menu } from "@base-ui/react/menu";
import { signOut } from "@cortexpilot/frontend-api-client/session";
import { MARKS, counted, duration } from "@cortexpilot/frontend-shared";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";

import { actingRole, client, setHeldRoles } from "../data/client.js";
import { queueStore, useLive } from "../data/live.js";
import { setPref, usePref } from "../data/prefs.js";
import { approvalsQuery, gateQuery, ledgerQuery, useSession } from "../data/queries.js";
import { nameOf, pieces } from "../lib/text.js";
import { cx, useNow } from "../ui/basic.js";
import { useNear } from "../ui/near.js";
import { GateMenu } from "./gate-menu.js";
import { Keyboard } from "./keyboard.js";
import { PLACES } from "./places.js";

/** A break in the line shorter than this is nobody's business. */
const STALE_AFTER_MS = 4_000;

export function Frame() {
  const session = useSession();
  useEffect(() => {
    setHeldRoles(session);
    queueStore.start();
  }, [session]);
  return (
    <div className="flex min-h-dvh flex-col">
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded focus:bg-page focus:px-3 focus:py-1 focus:shadow-float">
        Skip to the page
      </a>
      <Header />
      <Banners />
      <FocusOnArrival />
      <main id="main" tabIndex={-1} className="mx-auto w-full max-w-[90rem] grow px-3 pt-4 pb-10 outline-none sm:px-5">
        <Outlet />
      </main>
      <Keyboard />
    </div>
  );
}

function Header() {
  const asked = useQuery(approvalsQuery("PENDING"));
  const waiting = asked.data?.length ?? 0;
  const [near, trigger] = useNear();
  return (
    <header className="z-30 border-b lg:sticky lg:top-0 border-line bg-page">
      <div className="mx-auto flex w-full max-w-[90rem] flex-wrap items-center gap-x-1 gap-y-1 px-3 py-1.5 sm:px-5">
        <Link to="/" className="mr-2 font-semibold tracking-tight">
          CortexPilot
        </Link>
        <nav aria-label="Pages" className="hidden items-center lg:flex">
          {PLACES.slice(1).map((place) => (
            <Place key={place.to} to={place.to} label={place.label} count={place.to === "/approvals" ? waiting : 0} />
          ))}
        </nav>
        <Menu.Root>
          <Menu.Trigger ref={trigger} className="rounded-md border border-line px-2 py-0.5 lg:hidden">
            Menu{waiting > 0 && <span className="ml-1 text-attention-ink">{waiting}</span>}
          </Menu.Trigger>
          <Menu.Portal container={near}>
            <Menu.Positioner sideOffset={6} align="start" className="z-50">
              <Menu.Popup className="min-w-40 rounded-md border border-line bg-page p-1 shadow-float outline-none">
                {PLACES.map((place) => (
                  <Menu.Item
                    key={place.to}
                    render={<Link to={place.to} />}
                    className="flex justify-between gap-4 rounded px-2 py-1.5 outline-none data-[highlighted]:bg-panel"
                  >
                    {place.label}
                    {place.to === "/approvals" && waiting > 0 && <span className="text-attention-ink">{waiting}</span>}
                  </Menu.Item>
                ))}
              </Menu.Popup>
            </Menu.Positioner>
          </Menu.Portal>
        </Menu.Root>
        <span className="grow" />
        <div className="order-last -ml-2 min-w-0 basis-full lg:order-none lg:ml-0 lg:basis-auto">
          <GateMenu />
        </div>
        <Principal />
      </div>
      <div className="mx-auto flex w-full max-w-[90rem] flex-wrap justify-between gap-x-4 px-3 pb-1 text-sm text-muted sm:px-5">
        <LedgerLine />
        <LiveLine />
      </div>
    </header>
  );
}

function Place({ to, label, count }: { to: (typeof PLACES)[number]["to"]; label: string; count: number }) {
  return (
    <Link
      to={to}
      className="rounded-md px-2.5 py-1 text-muted hover:bg-panel hover:text-ink aria-[current=page]:bg-panel aria-[current=page]:font-medium aria-[current=page]:text-ink"
      activeOptions={{ exact: false }}
    >
      {label}
      {count > 0 && (
        <span className="ml-1.5 rounded bg-attention-ground px-1.5 text-sm font-medium text-attention-ink">
          {count}
          <span className="sr-only"> to decide</span>
        </span>
      )}
    </Link>
  );
}

function Principal() {
  const session = useSession();
  usePref("role");
  const theme = usePref("theme");
  const role = actingRole();
  const [near, trigger] = useNear();
  const leave = async (everywhere: boolean): Promise<void> => {
    try {
      await signOut(client, { everywhere });
    } finally {
      // A new page: everything that was shown to one person leaves with them.
      location.replace("/login");
    }
  };
  return (
    <Menu.Root>
      <Menu.Trigger ref={trigger} className="ml-auto max-w-56 truncate lg:ml-0 rounded-md px-2 py-1 hover:bg-panel" title={session.principal}>
        {nameOf(session.principal)}
        {role !== undefined && <span className="text-muted max-sm:sr-only"> ({role})</span>}
        <span aria-hidden="true"> ▾</span>
      </Menu.Trigger>
      <Menu.Portal container={near}>
        <Menu.Positioner sideOffset={6} align="end" className="z-50">
          <Menu.Popup className="max-w-80 min-w-56 rounded-md border border-line bg-page p-1 shadow-float outline-none">
            <p className="px-2 py-1 text-sm text-muted">
              Signed in as <span className="font-mono break-all text-ink">{session.principal}</span>
            </p>
            {session.roles.length > 0 && (
              <Menu.RadioGroup value={role ?? ""} onValueChange={(value: string) => setPref("role", value)} aria-label="Act in role">
                <p className="px-2 pt-1 text-sm text-muted">Act in role</p>
                {session.roles.map((each) => (
                  <Radio key={each} value={each} label={each} />
                ))}
              </Menu.RadioGroup>
            )}
            <Menu.Separator className="my-1 h-px bg-line" />
            <Menu.RadioGroup value={theme} onValueChange={(value: string) => setPref("theme", value)} aria-label="Theme">
              <p className="px-2 pt-1 text-sm text-muted">Theme</p>
              <Radio value="system" label="As the system" />
              <Radio value="light" label="Light" />
              <Radio value="dark" label="Dark" />
            </Menu.RadioGroup>
            <Menu.Separator className="my-1 h-px bg-line" />
            <Go to="/tokens">Principals and tokens</Go>
            <Go to="/settings">Settings</Go>
            <Menu.Separator className="my-1 h-px bg-line" />
            <Choice onClick={() => void leave(false)}>Sign out</Choice>
            <Choice onClick={() => void leave(true)}>Sign out everywhere</Choice>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

const CHOICE = "flex cursor-pointer items-center gap-2 rounded px-2 py-1 outline-none data-[highlighted]:bg-panel";

function Radio({ value, label }: { value: string; label: string }) {
  return (
    <Menu.RadioItem value={value} className={CHOICE}>
      <span aria-hidden="true" className="w-4">
        <Menu.RadioItemIndicator>✓</Menu.RadioItemIndicator>
      </span>
      {label}
    </Menu.RadioItem>
  );
}

function Go({ to, children }: { to: "/tokens" | "/settings"; children: ReactNode }) {
  return (
    <Menu.Item render={<Link to={to} />} className={CHOICE}>
      {children}
    </Menu.Item>
  );
}

function Choice({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <Menu.Item onClick={onClick} className={CHOICE}>
      {children}
    </Menu.Item>
  );
}

function LedgerLine() {
  const found = useQuery(ledgerQuery);
  const now = useNow();
  if (found.data === undefined) return <span>{found.isError ? "The ledger could not be asked" : " "}</span>;
  const { standing, at } = found.data;
  const lines = standing.queue.lines;
  const signed = standing.queue.checkpoint?.size;
  return (
    <Link to="/audit" className="quiet-link min-w-0">
      {standing.sound ? (
        "Ledger sound"
      ) : (
        <span className="font-medium text-bad-ink">
          {MARKS.bad} Ledger refuses writes ({standing.refuses_writes ?? "damaged"})
        </span>
      )}
      {` · ${lines.toLocaleString("en")} ${lines === 1 ? "line" : "lines"}`}
      {signed !== undefined && <span className="hidden sm:inline">{signed === 0 ? " · none signed yet" : ` · signed up to ${signed.toLocaleString("en")}`}</span>}
      <span className="hidden sm:inline">{` · checked ${ago(now - at)}`}</span>
    </Link>
  );
}

function LiveLine() {
  const live = useLive();
  const now = useNow();
  return (
    <span role="status" className="whitespace-nowrap">
      {live.state === "live" ? (
        <span className="text-good-ink">
          <span aria-hidden="true">● </span>live
        </span>
      ) : live.state === "connecting" ? (
        <span>connecting…</span>
      ) : (
        <span className="font-medium text-attention-ink">
          <span aria-hidden="true">▲ </span>stale {duration(Math.max(0, now - live.since), "short")}
        </span>
      )}
    </span>
  );
}

function ago(ms: number): string {
  return ms < 3_000 ? "just now" : `${duration(ms, "short") ?? ""} ago`;
}

/** Four things are worth a whole line of every page, and nothing else is. */
function Banners() {
  const gate = useQuery(gateQuery);
  const ledger = useQuery(ledgerQuery);
  const live = useLive();
  const now = useNow();
  const client = useQueryClient();
  const stale = live.state === "stale" && now - live.since > STALE_AFTER_MS;
  const standing = ledger.data?.standing;
  const frozen = gate.data?.frozen;
  return (
    <>
      {stale && (
        <Banner tone="attention" role="status" title={`Not connected for ${duration(now - live.since, "short") ?? ""}.`}>
          {live.why} What you see is as it was then. It is tried again by itself; nothing you wrote is lost.{" "}
          <button type="button" className="underline" onClick={() => void client.invalidateQueries()}>
            Ask now
          </button>
        </Banner>
      )}
      {standing !== undefined && !standing.sound && (
        <Banner tone="bad" role="alert" title="The ledger refuses writes.">
          {standing.refuses_writes ?? "It is damaged"}: nothing can be queued, cancelled or claimed until an operator has looked.
          {standing.problems.length > 0 && ` ${counted(standing.problems.length, "problem")}: ${standing.problems[0]?.file} line ${standing.problems[0]?.line}, ${standing.problems[0]?.problem}.`}{" "}
          <Link to="/audit" search={{ tab: "verify" }} className="underline">
            Look at the audit
          </Link>
        </Banner>
      )}
      {frozen ? (
        <Banner tone="bad" role="status" title={`FROZEN by ${frozen.by}.`}>
          Nothing is queued, approved or claimed anywhere; cancelling still works.{frozen.reason ? ` Because: ${frozen.reason}` : ""}
        </Banner>
      ) : (
        gate.data?.agents_may_queue === "ON, nobody is asked" && (
          <Banner tone="attention" role="status" title="Agents may queue and nobody is asked:">
            the checks alone decide. <code className="font-mono text-sm">cortexpilot gate policy set operator</code> has a person asked.
          </Banner>
        )
      )}
    </>
  );
}

const BANNERS = { attention: "border-attention-edge bg-attention-ground text-attention-ink", bad: "border-bad-edge bg-bad-ground text-bad-ink" } as const;

function Banner({ tone, role, title, children }: { tone: keyof typeof BANNERS; role: "status" | "alert"; title: string; children: ReactNode }) {
  return (
    <div role={role} className={cx("border-b", BANNERS[tone])}>
      <p className="mx-auto w-full max-w-[90rem] px-3 py-1.5 sm:px-5">
        <span aria-hidden="true">{MARKS[tone]} </span>
        <strong className="font-semibold">{title}</strong> {children}
      </p>
    </div>
  );
}

/** A new page is where the reader is: its title is said, and the keyboard begins there. */
function FocusOnArrival() {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    document.getElementById("main")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [path]);
  return null;
}

/** The title of a page, on it and in the browser. */
export function Title({ children, aside, name }: { children: ReactNode; name: string; aside?: ReactNode }) {
  useEffect(() => {
    // A name may be somebody's text, and a window's title has no way of marking what acts on it.
    const shown = pieces(name.slice(0, 120)).map((piece) => piece.text).join("");
    document.title = `${shown} · CortexPilot`;
  }, [name]);
  return (
    <div className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2">
      <h1 className="min-w-0">{children}</h1>
      {aside !== undefined && <div className="ml-auto flex min-w-0 flex-wrap items-center gap-2">{aside}</div>}
    </div>
  );
}
