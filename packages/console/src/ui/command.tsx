/** "Copy as command" and "copy as curl": whatever is done here can be done without this page. */

import { Menu } from "@base-ui/react/menu";

import { quoted } from "../lib/text.js";
import { useCopy } from "./basic.js";
import { useNear } from "./near.js";

/** How something is done elsewhere. */
export interface Elsewhere {
  /** The command line's arguments, without the program's name. */
  command: readonly string[];
  /** What has to be done before it, likewise. */
  first?: readonly string[];
  /** What is sent. */
  http: { method: "GET" | "POST"; path: string; body?: object };
}

/** As a line for a shell. */
export function commandOf(args: readonly string[]): string {
  return ["cortexpilot", ...args].map(quoted).join(" ");
}

/** As a line for a shell, without the token: it is named, so that it stands in no history. */
export function curlOf({ method, path, body }: Elsewhere["http"], role: string | undefined): string {
  const parts = ["curl", "-sS", ...(method === "POST" ? ["-X", "POST"] : []), quoted(location.origin + path)];
  parts.push("-H", '"Authorization: Bearer $CORTEXPILOT_TOKEN"');
  if (method === "POST") {
    if (role !== undefined) parts.push("-H", quoted(`x-cortexpilot-role: ${role}`));
    parts.push("-H", quoted("content-type: application/json"), "-d", quoted(JSON.stringify(body ?? {})));
  }
  return parts.join(" ");
}

/** An option and its value; one that begins like an option stands behind an equals sign. */
export function option(name: string, value: string): string[] {
  return value.startsWith("-") ? [`--${name}=${value}`] : [`--${name}`, value];
}

/** How a decision with a reason is made elsewhere; an empty reason is left out. */
export function withReason(command: readonly string[], path: string): (reason: string) => Elsewhere {
  return (reason) => ({
    command: reason === "" ? command : [...command, ...option("reason", reason)],
    http: { method: "POST", path, body: reason === "" ? {} : { reason } },
  });
}

export function CopyAs({ command, first, http, role }: Elsewhere & { role?: string | undefined }) {
  const [said, copy] = useCopy();
  const [near, trigger] = useNear();
  return (
    <Menu.Root>
      <Menu.Trigger ref={trigger} className="rounded border border-line px-2 py-0.5 text-sm text-muted hover:border-strong hover:text-ink">
        <span aria-live="polite">{said || "Copy as…"}</span>
      </Menu.Trigger>
      <Menu.Portal container={near}>
        <Menu.Positioner sideOffset={4} className="z-50">
          <Menu.Popup className="rounded-md border border-line bg-page p-1 shadow-float outline-none">
            <Choice onClick={() => void copy([...(first === undefined ? [] : [first]), command].map(commandOf).join(" && "))}>Copy as command</Choice>
            <Choice onClick={() => void copy(curlOf(http, role))}>Copy as curl</Choice>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

function Choice({ children, onClick }: { children: string; onClick: () => void }) {
  return (
    <Menu.Item onClick={onClick} className="cursor-pointer rounded px-2 py-1 outline-none data-[highlighted]:bg-panel">
      {children}
    </Menu.Item>
  );
}
