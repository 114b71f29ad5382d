/** How much was queued and finished in each of the last hours: as bars, and as a table for whoever does not see bars. */

import { instant } from "@cortexpilot/frontend-shared";
import { useMemo } from "react";

import type { Item } from "../data/client.js";

const HOURS = 24;
const HOUR_MS = 3_600_000;
const WIDTH = 720;
const HEIGHT = 96;

interface Hour {
  from: number;
  queued: number;
  finished: number;
}

function hoursOf(items: readonly Item[], now: number): Hour[] {
  const end = Math.floor(now / HOUR_MS) * HOUR_MS + HOUR_MS;
  const hours = Array.from({ length: HOURS }, (_, at): Hour => ({ from: end - (HOURS - at) * HOUR_MS, queued: 0, finished: 0 }));
  const add = (text: string, name: "queued" | "finished"): void => {
    if (text === "") return;
    const at = instant(text)?.getTime();
    if (at === undefined) return;
    const hour = hours[Math.floor((at - (end - HOURS * HOUR_MS)) / HOUR_MS)];
    if (hour !== undefined) hour[name] += 1;
  };
  for (const item of items) {
    add(item.created_at, "queued");
    add(item.completed_at, "finished");
  }
  return hours;
}

export function Throughput({ items }: { items: readonly Item[] }) {
  // A new bar once an hour is soon enough; a new item redraws it anyway.
  const hours = useMemo(() => hoursOf(items, Date.now()), [items]);
  const most = Math.max(1, ...hours.map((hour) => Math.max(hour.queued, hour.finished)));
  const total = hours.reduce((sum, hour) => ({ queued: sum.queued + hour.queued, finished: sum.finished + hour.finished }), { queued: 0, finished: 0 });
  const wide = WIDTH / HOURS;
  const tall = (count: number): number => (count / most) * (HEIGHT - 8);
  if (total.queued + total.finished === 0) return <p className="text-muted">Nothing was queued or finished within the last 24 hours.</p>;
  return (
    <figure>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="h-28 w-full" preserveAspectRatio="none" role="img" aria-label={`${total.queued} queued and ${total.finished} finished within 24 hours, at most ${most} in an hour`}>
        <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} className="stroke-line" />
        {hours.map((hour, at) => (
          <g key={hour.from}>
            <rect x={at * wide + 3} width={wide / 2 - 4} y={HEIGHT - 1 - tall(hour.queued)} height={tall(hour.queued)} className="fill-waiting-edge" />
            <rect x={at * wide + wide / 2} width={wide / 2 - 4} y={HEIGHT - 1 - tall(hour.finished)} height={tall(hour.finished)} className="fill-good-edge" />
          </g>
        ))}
      </svg>
      <figcaption className="mt-1 flex flex-wrap justify-between gap-x-4 text-sm text-muted">
        <span>24 hours ago</span>
        <span>
          <span aria-hidden="true" className="mr-1 inline-block size-2 bg-waiting-edge" />
          {total.queued.toLocaleString("en")} queued
          <span aria-hidden="true" className="mr-1 ml-4 inline-block size-2 bg-good-edge" />
          {total.finished.toLocaleString("en")} finished
          <span className="ml-4">at most {most.toLocaleString("en")} in an hour</span>
        </span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}
