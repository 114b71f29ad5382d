/** What was queued and what came of it over time, and how much was open: as bars and a line, and in words for whoever does not see those. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { type Counts, type Throughput as Measured } from "../data/client.js";
import { countsQuery, throughputQuery } from "../data/queries.js";
import { countedIn } from "../lib/views.js";
import { Time } from "../ui/basic.js";
import { Failed, Loading } from "../ui/states.js";

const WIDTH = 720;
const HEIGHT = 96;

type Bucket = Measured["buckets"][number];

const ended = (bucket: Bucket): number => bucket.succeeded + bucket.failed + bucket.cancelled;

/** How many items were open at the end of each bucket: reckoned back from how many are open now. */
function openOver(buckets: readonly Bucket[], now: number): number[] {
  const open: number[] = [];
  let at = now;
  for (const bucket of buckets.toReversed()) {
    open.unshift(Math.max(0, at));
    at += ended(bucket) - bucket.queued;
  }
  return open;
}

const PARTS = [
  ["succeeded", "succeeded", "fill-good-edge", "bg-good-edge"],
  ["failed", "failed", "fill-bad-edge", "bg-bad-edge"],
  ["cancelled", "cancelled", "fill-neutral-edge", "bg-neutral-edge"],
] as const;

export function Throughput({ span }: { span: "hour" | "day" }) {
  const found = useQuery(throughputQuery(span));
  const counts = useQuery(countsQuery);
  if (found.data === undefined || counts.data === undefined) {
    const error = found.error ?? counts.error;
    return error === null ? <Loading what="what was done" /> : <Failed error={error} again={() => void Promise.all([found.refetch(), counts.refetch()])} />;
  }
  return <Chart measured={found.data} counts={counts.data} />;
}

function Chart({ measured, counts }: { measured: Measured; counts: Counts }) {
  const { buckets } = measured;
  const long = measured.span === "day" ? "24 hours" : "hour";
  const sum = (of: (bucket: Bucket) => number): number => buckets.reduce((so, bucket) => so + of(bucket), 0);
  const queued = sum((bucket) => bucket.queued);
  const done = sum(ended);
  const lost = sum((bucket) => bucket.lost);
  const open = openOver(buckets, countedIn("open", counts));
  if (queued + done + lost === 0) return <p className="text-muted">Nothing was queued, finished or lost within the last {long}.</p>;
  const most = Math.max(1, ...buckets.map((bucket) => Math.max(bucket.queued, ended(bucket))));
  const deepest = Math.max(1, ...open);
  const wide = WIDTH / buckets.length;
  const tall = (count: number, of = most): number => (count / of) * (HEIGHT - 8);
  const words = `Within the last ${long}: ${queued} queued, ${sum((bucket) => bucket.succeeded)} succeeded, ${sum((bucket) => bucket.failed)} failed, ${sum((bucket) => bucket.cancelled)} cancelled or expired, ${lost} lost. Open: ${open.at(-1) ?? 0} now, at most ${deepest}.`;
  return (
    <figure>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="h-28 w-full" preserveAspectRatio="none" role="img" aria-label={words}>
        <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} className="stroke-line" />
        {buckets.map((bucket, at) => {
          let below = 0;
          return (
            <g key={bucket.from}>
              <rect x={at * wide + 3} width={wide / 2 - 4} y={HEIGHT - 1 - tall(bucket.queued)} height={tall(bucket.queued)} className="fill-waiting-edge" />
              {PARTS.map(([name, , fill]) => {
                below += tall(bucket[name]);
                return <rect key={name} x={at * wide + wide / 2} width={wide / 2 - 4} y={HEIGHT - 1 - below} height={tall(bucket[name])} className={fill} />;
              })}
            </g>
          );
        })}
        <polyline
          points={open.map((count, at) => `${(at + 0.5) * wide},${HEIGHT - 1 - tall(count, deepest)}`).join(" ")}
          className="fill-none stroke-ink"
          strokeWidth="1.5"
          strokeDasharray="4 3"
          vectorEffect="non-scaling-stroke"
        />
      </svg>
      <figcaption className="mt-1 flex flex-wrap justify-between gap-x-4 text-sm text-muted">
        <span>
          <Time at={measured.from} />
        </span>
        <span className="flex flex-wrap gap-x-4">
          <Legend mark="bg-waiting-edge">{queued.toLocaleString("en")} queued</Legend>
          {PARTS.map(([name, word, , mark]) => (
            <Legend key={name} mark={mark}>
              {sum((bucket) => bucket[name]).toLocaleString("en")} {word}
            </Legend>
          ))}
          <span>
            <span aria-hidden="true">┄ </span>open, at most {deepest.toLocaleString("en")}
          </span>
          {lost > 0 && <span className="text-attention-ink">! {lost.toLocaleString("en")} lost</span>}
        </span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}

function Legend({ mark, children }: { mark: string; children: ReactNode }) {
  return (
    <span>
      <span aria-hidden="true" className={`mr-1 inline-block size-2 ${mark}`} />
      {children}
    </span>
  );
}
