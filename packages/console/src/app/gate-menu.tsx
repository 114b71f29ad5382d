/** "Agents may queue": the state of the whole system, since when and by whom. What can be done about it is fetched when it is opened. */

import { AGENTS_MAY_QUEUE, MARKS, type Tone, lookOf } from "@cortexpilot/frontend-shared";
import { useQuery } from "@tanstack/react-query";
import { Suspense, lazy, useRef, useState } from "react";

import { gateQuery } from "../data/queries.js";
import { Time, cx } from "../ui/basic.js";
import { setBy } from "../ui/words.js";

const GatePanel = lazy(() => import("./gate-panel.js").then((module) => ({ default: module.GatePanel })));

const INKS: Readonly<Record<Tone, string>> = {
  neutral: "text-ink",
  waiting: "text-waiting-ink",
  active: "text-active-ink",
  good: "text-good-ink",
  attention: "text-attention-ink",
  bad: "text-bad-ink",
};

export function GateMenu() {
  const found = useQuery(gateQuery);
  const [open, setOpen] = useState(false);
  // Fetched once it was wanted, and kept: it may still be asking for a reason after it has closed.
  const [wanted, setWanted] = useState(false);
  const trigger = useRef<HTMLButtonElement>(null);
  if (found.data === undefined) {
    return <span className="px-2 text-sm text-muted">{found.isError ? "Agents may queue: not known" : "Agents may queue: …"}</span>;
  }
  const { agents_may_queue: word, since } = found.data;
  const look = lookOf(AGENTS_MAY_QUEUE, word);
  return (
    <>
      <button
        ref={trigger}
        type="button"
        aria-haspopup="dialog"
        aria-expanded={open}
        title={look.about}
        className="max-w-full rounded-md px-2 py-1 text-left hover:bg-panel"
        onClick={() => {
          setWanted(true);
          setOpen(!open);
        }}
      >
        <span className="text-muted">Agents may queue: </span>
        <span className={cx("font-medium", INKS[look.tone])}>
          {look.tone !== "neutral" && <span aria-hidden="true">{MARKS[look.tone]} </span>}
          {look.label}
        </span>
        <span aria-hidden="true"> ▾</span>
        <span className="ml-1 hidden text-sm text-muted xl:inline">
          since <Time at={since.at} />, {setBy(since.by)}
        </span>
      </button>
      {wanted && (
        <Suspense>
          <GatePanel standing={found.data} look={look} open={open} setOpen={setOpen} trigger={trigger} />
        </Suspense>
      )}
    </>
  );
}
