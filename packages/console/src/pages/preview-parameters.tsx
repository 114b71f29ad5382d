/** The three things that may differ from the source run, and nothing else. */

import { instant } from "@cortexpilot/frontend-shared";
import { useNavigate } from "@tanstack/react-router";
import { useId, useState } from "react";

import type { Item } from "../data/client.js";
import { Button } from "../ui/basic.js";

export interface Times {
  priority: number;
  scheduled: string;
  deadline: string;
}

/** The item beside its source, by the words of people. A run has no place in a queue, so it has neither priority nor times. */
export function fieldsOf(item: Item): { field: string; was: string; now: string }[] {
  const same = (field: string, value: string): { field: string; was: string; now: string } => ({ field, was: value, now: value });
  return [
    { field: "Priority", was: "0", now: String(item.priority) },
    { field: "Not before", was: "", now: item.scheduled_at },
    { field: "Deadline", was: "", now: item.deadline_at },
    same("Task", item.task_id),
    same("Owner", item.owner),
    same("Case", item.workflow_id),
    same("Task contract", item.contract_path),
  ];
}

/** For the browser's own field, in its own zone. */
function localOf(text: string): string {
  const at = instant(text);
  if (at === undefined) return "";
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

/** With its zone: a time without one names no moment, and is refused. */
function instantOf(local: string): string {
  const at = new Date(local);
  return local === "" || Number.isNaN(at.getTime()) ? "" : `${at.toISOString().slice(0, 19)}Z`;
}

export function Parameters({ times, runId }: { times: Times; runId: string }) {
  const id = useId();
  const navigate = useNavigate();
  const [priority, setPriority] = useState(String(times.priority));
  const [scheduled, setScheduled] = useState(localOf(times.scheduled));
  const [deadline, setDeadline] = useState(localOf(times.deadline));
  const whole = /^-?\d{1,3}$/.test(priority) && Math.abs(Number(priority)) <= 100;
  return (
    <details className="mt-3">
      <summary className="link w-fit text-sm">Change priority or times</summary>
      <form
        className="mt-2 flex flex-wrap items-end gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (!whole) return;
          void navigate({
            to: "/runs/$runId/queue",
            params: { runId },
            search: {
              ...(Number(priority) === 0 ? {} : { priority }),
              ...(scheduled === "" ? {} : { scheduled: instantOf(scheduled) }),
              ...(deadline === "" ? {} : { deadline: instantOf(deadline) }),
            },
          });
        }}
      >
        <div className="w-24">
          <label htmlFor={`${id}-p`} className="block text-sm text-muted">
            Priority
          </label>
          <input id={`${id}-p`} className="field" inputMode="numeric" value={priority} aria-invalid={!whole} onChange={(event) => setPriority(event.target.value)} />
        </div>
        <div className="min-w-0">
          <label htmlFor={`${id}-s`} className="block text-sm text-muted">
            Not before
          </label>
          <input id={`${id}-s`} type="datetime-local" className="field" value={scheduled} onChange={(event) => setScheduled(event.target.value)} />
        </div>
        <div className="min-w-0">
          <label htmlFor={`${id}-d`} className="block text-sm text-muted">
            Deadline
          </label>
          <input id={`${id}-d`} type="datetime-local" className="field" value={deadline} onChange={(event) => setDeadline(event.target.value)} />
        </div>
        <Button type="submit" why={whole ? undefined : "A whole number from −100 to 100."}>
          Preview with these
        </Button>
      </form>
    </details>
  );
}
