/** Differences, to be looked at: words within a line, and lines within files. */

import { useMemo } from "react";

import { unified, words } from "../lib/diff.js";
import { Foreign, cx } from "./basic.js";
import { VirtualList } from "./virtual.js";

/** One side of a difference: what is only here stands out, by colour and by a line through or below it. */
export function WordDiff({ was, now, side }: { was: string; now: string; side: "was" | "now" }) {
  const changes = useMemo(() => words(was, now), [was, now]);
  const mine = side === "was" ? "removed" : "added";
  const shown = changes.filter(({ kind }) => kind === "same" || kind === mine);
  if (shown.length === 0) return <span className="text-muted">–</span>;
  return (
    <span className="min-w-0 break-words">
      {shown.map(({ kind, text }, at) =>
        kind === "same" ? (
          <Foreign key={at} text={text} />
        ) : side === "was" ? (
          <del key={at} className="rounded-sm bg-removed decoration-1">
            <Foreign text={text} />
          </del>
        ) : (
          <ins key={at} className="rounded-sm bg-added decoration-1 underline-offset-2">
            <Foreign text={text} />
          </ins>
        ),
      )}
    </span>
  );
}

/** Names with what they were and are. */
export function DiffTable({ rows, was, now }: { rows: readonly { field: string; was: string; now: string }[]; was: string; now: string }) {
  return (
    <table className="w-full table-fixed">
      <thead>
        <tr className="border-b border-line text-sm text-muted">
          <th scope="col" className="w-1/4 py-1 pr-3">
            <span className="sr-only">What</span>
          </th>
          <th scope="col" className="py-1 pr-3">
            {was}
          </th>
          <th scope="col" className="py-1">
            {now}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.field} className="border-b border-line align-top last:border-0">
            <th scope="row" className="py-1 pr-3 font-normal text-muted">
              {row.field}
            </th>
            <td className="py-1 pr-3">
              <WordDiff was={row.was} now={row.now} side="was" />
            </td>
            <td className="py-1">
              <WordDiff was={row.was} now={row.now} side="now" />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const ROW = 20;

/** What a run changed. Long ones are drawn where one looks. */
export function UnifiedDiff({ diff, label }: { diff: string; label: string }) {
  const lines = useMemo(() => unified(diff), [diff]);
  return (
    <VirtualList
      items={lines}
      rowHeight={ROW}
      label={label}
      className={cx("font-mono text-sm", lines.length > 40 ? "h-[70dvh]" : undefined)}
      keyOf={(_, at) => String(at)}
      render={(line) => (
        <div
          className={cx(
            "flex h-5 w-max min-w-full whitespace-pre leading-5",
            line.kind === "added" && "bg-added",
            line.kind === "removed" && "bg-removed",
            line.kind === "hunk" && "bg-panel text-muted",
            line.kind === "file" && "bg-panel font-semibold",
          )}
        >
          <span className="w-10 shrink-0 pr-2 text-right text-muted select-none">{line.was ?? ""}</span>
          <span className="w-10 shrink-0 pr-2 text-right text-muted select-none">{line.now ?? ""}</span>
          <span className="w-4 shrink-0 select-none" aria-hidden="true">
            {line.kind === "added" ? "+" : line.kind === "removed" ? "−" : ""}
          </span>
          {line.kind === "added" && <span className="sr-only">added: </span>}
          {line.kind === "removed" && <span className="sr-only">removed: </span>}
          <Foreign text={line.text} className="!whitespace-pre" />
        </div>
      )}
    />
  );
}
