/** The smallest parts: words with a colour, times, ids, buttons that say why they are off. */

import { type Look, type Tone, MARKS, abbreviated, instant, moment } from "@cortexpilot/frontend-shared";
import { type ReactNode, useEffect, useId, useRef, useState, useSyncExternalStore } from "react";

import { usePref } from "../data/prefs.js";
import { pieces } from "../lib/text.js";

export function cx(...names: (string | false | undefined)[]): string {
  return names.filter(Boolean).join(" ");
}

const TONES: Readonly<Record<Tone, string>> = {
  neutral: "border-neutral-edge bg-neutral-ground text-neutral-ink",
  waiting: "border-waiting-edge bg-waiting-ground text-waiting-ink",
  active: "border-active-edge bg-active-ground text-active-ink",
  good: "border-good-edge bg-good-ground text-good-ink",
  attention: "border-attention-edge bg-attention-ground text-attention-ink",
  bad: "border-bad-edge bg-bad-ground text-bad-ink",
};

const INKS: Readonly<Record<Tone, string>> = {
  neutral: "text-neutral-ink",
  waiting: "text-waiting-ink",
  active: "text-active-ink",
  good: "text-good-ink",
  attention: "text-attention-ink",
  bad: "text-bad-ink",
};

/** A state: its mark, its word, its colour. */
export function Badge({ look, plain = false }: { look: Look; plain?: boolean }) {
  return (
    <span
      title={look.about}
      className={cx(
        "inline-flex max-w-full items-baseline gap-1 text-sm",
        plain ? INKS[look.tone] : cx("rounded border px-1.5 leading-5", TONES[look.tone]),
      )}
    >
      <span aria-hidden="true">{MARKS[look.tone]}</span>
      <span className="min-w-0">{look.label}</span>
    </span>
  );
}

/** A sentence that somebody should read, in the colour of how much it matters. */
export function Notice({ tone, title, children, role }: { tone: Tone; title?: ReactNode; children?: ReactNode; role?: "alert" | "status" }) {
  return (
    <div role={role} className={cx("rounded-md border px-3 py-2", TONES[tone])}>
      {title !== undefined && (
        <p className="font-semibold">
          <span aria-hidden="true">{MARKS[tone]} </span>
          {title}
        </p>
      )}
      {children}
    </div>
  );
}

/** One clock for all times on the page: they change together, once a second, and only while somebody can see them. */
const clock = (() => {
  const listeners = new Set<() => void>();
  let now = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    subscribe(listener: () => void) {
      listeners.add(listener);
      timer ??= setInterval(() => {
        if (document.visibilityState === "hidden") return;
        now = Date.now();
        for (const each of listeners) each();
      }, 1000);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
      };
    },
    now: () => now,
  };
})();

/** The moment that this page takes for now, in milliseconds. */
export function useNow(): number {
  return useSyncExternalStore(clock.subscribe, clock.now);
}

const LOCAL_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The zone in which times are told: this browser's, or UTC, in which the ledger is written. */
export function useZone(): string {
  return usePref("zone") === "UTC" ? "UTC" : LOCAL_ZONE;
}

/** A moment: how long ago, and on hover when exactly. */
export function Time({ at, fallback = "–", exact = false }: { at: string | null | undefined; fallback?: string; exact?: boolean }) {
  const now = useNow();
  const timeZone = useZone();
  const found = moment(at, { now: new Date(now), timeZone });
  if (found === undefined) {
    // A time without a zone names no moment: it is shown as it was written.
    return at ? <Foreign text={at} /> : <span className="text-muted">{fallback}</span>;
  }
  return (
    <time dateTime={found.iso} title={exact ? found.relative : found.absolute} className="whitespace-nowrap">
      {exact ? found.absolute : found.relative}
    </time>
  );
}

/** Minutes and seconds until something expires. */
export function Countdown({ until }: { until: string }) {
  const now = useNow();
  const timeZone = useZone();
  const at = instant(until);
  if (at === undefined) return <span>–</span>;
  const left = Math.max(0, Math.floor((at.getTime() - now) / 1000));
  const hours = Math.floor(left / 3600);
  const two = (value: number): string => String(value).padStart(2, "0");
  const shown = `${hours > 0 ? `${hours}:` : ""}${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
  return (
    <time dateTime={at.toISOString()} title={moment(until, { now: new Date(now), timeZone })?.absolute} className="font-mono">
      {left === 0 ? "now" : shown}
    </time>
  );
}

/** Text of others: nothing in it acts, and what hides in it is written out. */
export function Foreign({ text, mono = false, className }: { text: string; mono?: boolean; className?: string }) {
  return (
    <bdi className={cx("foreign", mono && "font-mono text-sm", className)}>
      {pieces(text).map((piece, at) =>
        piece.escaped ? (
          <span key={at} className="escape" title="a character that acts on text or hides in it, written out">
            {piece.text}
          </span>
        ) : (
          piece.text
        ),
      )}
    </bdi>
  );
}

/** Text of others on one line: cut where there is no room, whole on hover. */
export function Line({ text, mono = false, className }: { text: string; mono?: boolean; className?: string }) {
  const short = text.length > 400 ? `${text.slice(0, 400)}…` : text;
  return (
    <bdi className={cx("foreign block min-w-0 truncate", mono && "font-mono text-sm", className)} title={text}>
      {pieces(short.replace(/\s+/g, " ")).map((piece, at) =>
        piece.escaped ? (
          <span key={at} className="escape">
            {piece.text}
          </span>
        ) : (
          piece.text
        ),
      )}
    </bdi>
  );
}

const LONG = 320;

/** Text of others that may be as long as a record takes it: its beginning, and the whole on request. */
export function Long({ text }: { text: string }) {
  const [whole, setWhole] = useState(false);
  if (text.length <= LONG + 80) return <Foreign text={text} />;
  return (
    <>
      <Foreign text={whole ? text : `${text.slice(0, LONG)}…`} />{" "}
      <button type="button" className="link text-sm" aria-expanded={whole} onClick={() => setWhole(!whole)}>
        {whole ? "less" : `all ${text.length.toLocaleString("en")} characters`}
      </button>
    </>
  );
}

/** What an agent or a caller wrote: never dressed as ours. */
export function AgentText({ title = "Written by the agent", children }: { title?: string; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="rounded-md border-2 border-dashed border-strong px-3 pt-2 pb-3">
      <h2 id={id} className="mb-1 text-sm text-muted">
        {title}
      </h2>
      {children}
    </section>
  );
}

/** Texts of others, each below its name: in full width, because they may be long. */
export function Told({ texts }: { texts: readonly (readonly [name: string, text: ReactNode])[] }) {
  return (
    <dl className="space-y-1.5">
      {texts.map(([name, text]) => (
        <div key={name}>
          <dt className="text-sm text-muted">{name}</dt>
          <dd className="min-w-0">{text}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A digest or an id: its ends, the whole on hover, and copied whole. */
export function Id({ id, ends = 8, whole = false }: { id: string; ends?: number; whole?: boolean }) {
  return (
    <span className="inline-flex max-w-full items-baseline gap-1">
      <bdi className="min-w-0 font-mono text-sm break-all" title={id}>
        {pieces(whole ? id : abbreviated(id, ends)).map((piece) => piece.text)}
      </bdi>
      <Copy text={id} label="Copy" quiet />
    </span>
  );
}

/** Copies a text, and for a moment says whether that worked; an empty word where there is nothing to say. */
export function useCopy(): [said: "" | "Copied" | "Not copied", copy: (text: string) => Promise<void>] {
  const [said, say] = useState<"" | "Copied" | "Not copied">("");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (text: string): Promise<void> => {
    say((await copied(text)) ? "Copied" : "Not copied");
    clearTimeout(timer.current);
    timer.current = setTimeout(() => say(""), 1_500);
  };
  return [said, copy];
}

/** Copies, and says that it did. */
export function Copy({ text, label, quiet = false, children }: { text: string; label: string; quiet?: boolean; children?: ReactNode }) {
  const [said, copy] = useCopy();
  return (
    <button
      type="button"
      onClick={() => void copy(text)}
      aria-label={quiet ? `${label} ${text.length > 40 ? "this" : text}` : undefined}
      className={cx(
        "shrink-0 rounded text-sm",
        quiet ? "px-1 text-muted hover:text-ink" : "border border-line px-2 py-0.5 hover:border-strong",
      )}
    >
      <span aria-live="polite">{said === "" ? (children ?? label) : said}</span>
    </button>
  );
}

/** The clipboard of a page is there in secure contexts alone; elsewhere the old way works. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "sr-only";
    document.body.append(area);
    area.select();
    const worked = document.execCommand("copy");
    area.remove();
    return worked;
  }
}

/** A button. While `why` is given it is off, and says why beside itself. */
export function Button({
  children,
  onClick,
  kind = "plain",
  why,
  busy = false,
  type = "button",
  hideWhy = false,
  small = false,
}: {
  children: ReactNode;
  onClick?: () => void;
  kind?: "plain" | "main" | "danger";
  why?: string | undefined;
  busy?: boolean;
  type?: "button" | "submit";
  /** The reason is told elsewhere on the page already; here it is for those who cannot see that. */
  hideWhy?: boolean;
  small?: boolean;
}) {
  const id = useId();
  const off = why !== undefined || busy;
  return (
    <span className="inline-flex max-w-full flex-wrap items-center gap-x-2 gap-y-1">
      <button
        type={type}
        aria-disabled={off}
        aria-describedby={why === undefined ? undefined : id}
        aria-busy={busy}
        onClick={(event) => {
          if (off) event.preventDefault();
          else onClick?.();
        }}
        className={cx(
          "rounded-md border text-base font-medium",
          small ? "px-2 py-0.5 text-sm" : "px-3 py-1",
          off
            ? "cursor-not-allowed border-line bg-panel text-muted"
            : kind === "main"
              ? "border-accent bg-accent text-on-accent hover:opacity-90"
              : kind === "danger"
                ? "border-bad-edge bg-page text-bad-ink hover:bg-bad-ground"
                : "border-strong bg-page hover:bg-panel",
        )}
      >
        {busy ? "Working…" : children}
      </button>
      {why !== undefined && (
        <span id={id} className={hideWhy ? "sr-only" : "text-sm text-muted"}>
          {why}
        </span>
      )}
    </span>
  );
}

/** A name and what it is, in pairs. */
export function Facts({ rows }: { rows: readonly (readonly [name: string, value: ReactNode] | undefined)[] }) {
  return (
    <dl className="grid grid-cols-[minmax(6rem,auto)_minmax(0,1fr)] gap-x-4 gap-y-1">
      {rows.map(
        (row) =>
          row !== undefined && (
            <div key={row[0]} className="contents">
              <dt className="text-muted">{row[0]}</dt>
              <dd className="min-w-0">{row[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

/** A box with a heading. */
export function Card({ title, aside, children, flush = false }: { title: ReactNode; aside?: ReactNode; children: ReactNode; flush?: boolean }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="card min-w-0">
      <header>
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div className="ml-auto min-w-0 text-sm text-muted">{aside}</div>}
      </header>
      <div className={flush ? "" : "px-3 py-2.5"}>{children}</div>
    </section>
  );
}
