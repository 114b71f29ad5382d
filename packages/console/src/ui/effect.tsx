/** What would happen, in words, before anything else is said about an item. */

import { duration } from "@cortexpilot/frontend-shared";
import type { ReactNode } from "react";

import { record } from "../lib/text.js";
import { Foreign, Time } from "./basic.js";

/** As previews and approvals give it. */
export interface Effect {
  allowed_paths: readonly string[];
  commands: readonly string[];
  tool_permissions: Readonly<Record<string, unknown>>;
  runner: string;
  timeout_s?: number | null;
  truncated?: boolean;
}

export interface EffectOf {
  effect: Effect;
  task: string;
  /** Where it would run, as the source run's manifest says. */
  repository?: string | undefined;
  baseline?: string | undefined;
  priority: number;
  scheduledAt: string;
  deadlineAt: string;
}

/** What permissions mean. What is not known is shown as it is written: a permission must not vanish for want of a word. */
function permission(name: string, value: unknown): { words: string; wide: boolean } {
  const said = typeof value === "string" ? value : Array.isArray(value) ? value.map(String).join(", ") : JSON.stringify(value);
  if (name === "network") {
    if (said === "deny") return { words: "no network", wide: false };
    if (said === "allow") return { words: "with network", wide: true };
    return { words: `network: ${said}`, wide: true };
  }
  if (name === "filesystem") {
    if (said === "workspace-write") return { words: "writes in its workspace only", wide: false };
    if (said === "read-only") return { words: "reads files, writes none", wide: false };
    return { words: `files: ${said}`, wide: true };
  }
  if (name === "shell") return { words: said === "never" ? "no shell of its own" : `shell: ${said}`, wide: said !== "never" };
  if (name === "mcp_tools") return { words: said === "" ? "no tools" : `tools: ${said}`, wide: false };
  return { words: `${name}: ${said}`, wide: false };
}

export function EffectWords({ effect, task, repository, baseline, priority, scheduledAt, deadlineAt }: EffectOf) {
  const permissions = Object.entries(record(effect.tool_permissions) ?? {}).map(([name, value]) => permission(name, value));
  return (
    <div className="space-y-2.5">
      <p className="text-lg leading-6">
        A worker runs <Foreign text={task} className="font-semibold" /> again
        {effect.runner !== "" && (
          <>
            {" "}
            with <Foreign text={effect.runner} className="font-semibold" />
          </>
        )}
        {repository !== undefined && (
          <>
            , in a copy of <Foreign text={repository} mono />
            {baseline !== undefined && (
              <>
                {" "}
                at <Foreign text={baseline.length > 16 ? baseline.slice(0, 10) : baseline} mono />
              </>
            )}
          </>
        )}
        {effect.timeout_s ? `, for up to ${duration(effect.timeout_s * 1000) ?? ""}` : ", without a time limit of its own"}.
      </p>
      <ul className="flex flex-wrap gap-1.5" aria-label="What it may do">
        {permissions.length === 0 && <li className="text-muted">The task contract names no permissions.</li>}
        {permissions.map(({ words, wide }) => (
          <li
            key={words}
            className={
              wide
                ? "rounded border border-attention-edge bg-attention-ground px-1.5 text-sm text-attention-ink"
                : "rounded border border-line bg-panel px-1.5 text-sm"
            }
          >
            {wide && <span aria-hidden="true">! </span>}
            <Foreign text={words} />
          </li>
        ))}
      </ul>
      <div className="grid gap-x-6 gap-y-2.5 sm:grid-cols-2">
        <Named name="May change">
          {effect.allowed_paths.length === 0 ? (
            <span className="text-muted">no path is named</span>
          ) : (
            <ul>
              {effect.allowed_paths.map((path, at) => (
                <li key={at}>
                  <Foreign text={path} mono />
                </li>
              ))}
            </ul>
          )}
        </Named>
        <Named name="Commands">
          {effect.commands.length === 0 ? (
            <span className="text-muted">none are named</span>
          ) : (
            <ul>
              {effect.commands.map((command, at) => (
                <li key={at}>
                  <Foreign text={command} mono />
                </li>
              ))}
            </ul>
          )}
        </Named>
      </div>
      <div className="flex flex-wrap gap-x-6 gap-y-1">
        <span>
          <span className="text-muted">Priority </span>
          {priority}
        </span>
        <span>
          <span className="text-muted">Not before </span>
          <Time at={scheduledAt} fallback="– at once" />
        </span>
        <span>
          <span className="text-muted">Deadline </span>
          <Time at={deadlineAt} fallback="– none" />
        </span>
      </div>
      {effect.truncated === true && <p className="text-sm text-attention-ink">! There is more than is shown here.</p>}
    </div>
  );
}

function Named({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <h3 className="font-normal text-muted">{name}</h3>
      {children}
    </div>
  );
}
