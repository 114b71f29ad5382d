/** The way of one item: what happened, who did it and when, and what is still to come. */

import type { Tone } from "@cortexpilot/frontend-shared";
import { MARKS } from "@cortexpilot/frontend-shared";

import { Line, Time, cx } from "./basic.js";

export interface Stage {
  name: string;
  /** `undefined`: not yet. */
  at?: string | undefined;
  by?: string | undefined;
  tone: Tone;
  /** It happened, and when is not known here. */
  done?: boolean;
  /** It is where things stand. */
  here?: boolean;
}

const INKS: Readonly<Record<Tone, string>> = {
  neutral: "text-muted",
  waiting: "text-waiting-ink",
  active: "text-active-ink",
  good: "text-good-ink",
  attention: "text-attention-ink",
  bad: "text-bad-ink",
};

const BARS: Readonly<Record<Tone, string>> = {
  neutral: "bg-line",
  waiting: "bg-waiting-edge",
  active: "bg-active-edge",
  good: "bg-good-edge",
  attention: "bg-attention-edge",
  bad: "bg-bad-edge",
};

export function Stages({ stages }: { stages: readonly Stage[] }) {
  return (
    <ol aria-label="The way of this item" className="grid grid-cols-2 gap-x-2 gap-y-3 sm:grid-flow-col sm:auto-cols-fr sm:grid-cols-none">
      {stages.map((stage) => {
        const done = stage.at !== undefined || stage.done === true || stage.here === true;
        return (
          <li key={stage.name} aria-current={stage.here === true ? "step" : undefined} className="min-w-0">
            <div className={cx("mb-1 h-1 rounded", done ? BARS[stage.tone] : "bg-line")} />
            <p className={cx("font-medium", done ? INKS[stage.tone] : "text-muted")}>
              <span aria-hidden="true">{done ? MARKS[stage.tone] : MARKS.waiting} </span>
              {stage.name}
              {!done && <span className="sr-only"> (not yet)</span>}
            </p>
            <div className="text-sm text-muted">
              {stage.at !== undefined && <Time at={stage.at} />}
              {stage.by !== undefined && <Line text={stage.by} />}
            </div>
          </li>
        );
      })}
    </ol>
  );
}
