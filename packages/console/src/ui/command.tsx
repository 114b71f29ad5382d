/** "Copy as command" and "copy as curl": whatever is done here can be done without this page. */

import { Menu } from "@base-ui/react/menu";
import { useState } from "react";

import { quoted } from "../lib/text.js";
import { useNear } from "./near.js";

/** How something is done elsewhere. */
export interface Elsewhere {
  /** The command line's arguments, without the program's name; left out where it has no such command. */
  command?: readonly string[];
  /** What is sent. */
  http?: { method: "GET" | "POST"; path: string; body?: object };
}

/** As a line for a shell. */
export function commandOf(args: readonly string[]): string {
  return ["cortexpilot", ...args].map(quoted).join(" ");
}

/** As a line for a shell, without the token: it is named, so that it stands in no history. */
export function curlOf({ method, path, body }: NonNullable<Elsewhere["http"]>, role: string | undefined): string {
  const parts = ["curl", "-sS", ...(method === "POST" ? ["-X", "POST"] : []), quoted(location.origin + path)];
  parts.push("-H", '"Authorization: Bearer $CORTEXPILOT_TOKEN"');
  if (method === "POST") {
    if (role !== undefined) parts.push("-H", quoted(`x-cortexpilot-role: ${role}`));
    parts.push("-H", quoted("content-type: application/json"), "-d", quoted(JSON.stringify(body ?? {})));
  }
  return parts.join(" ");
}

export function CopyAs({ command, http, role }: Elsewhere & { role?: string | undefined }) {
  const [said, say] = useState("");
  const [near, trigger] = useNear();
  const copy = (text: string): void => {
    void navigator.clipboard.writeText(text).then(
      () => say("Copied"),
      () => say("Not copied"),
    );
    setTimeout(() => say(""), 1_500);
  };
  const api = http === undefined ? undefined : apiOf(http, role);
  return (
    <Menu.Root>
      <Menu.Trigger ref={trigger} className="rounded border border-line px-2 py-0.5 text-sm text-muted hover:border-strong hover:text-ink">
        <span aria-live="polite">{said || "Copy as…"}</span>
      </Menu.Trigger>
      <Menu.Portal container={near}>
        <Menu.Positioner sideOffset={4} className="z-50">
          <Menu.Popup className="rounded-md border border-line bg-page p-1 shadow-float outline-none">
            {command !== undefined && (
              <Choice onClick={() => copy(commandOf(command))}>Copy as command</Choice>
            )}
            {command === undefined && api !== undefined && <Choice onClick={() => copy(api)}>Copy as command</Choice>}
            {http !== undefined && <Choice onClick={() => copy(curlOf(http, role))}>Copy as curl</Choice>}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

/** Every operation has a command: `cortexpilot api`. */
function apiOf({ method, path, body }: NonNullable<Elsewhere["http"]>, role: string | undefined): string {
  const fields = Object.entries(body ?? {}).flatMap(([name, value]) => [
    typeof value === "string" ? "-f" : "-F",
    `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  ]);
  const as = method === "POST" && role !== undefined ? ["--role", role] : [];
  const server = method === "POST" ? ["--server", location.origin] : [];
  return commandOf(["api", method, path, ...fields, ...as, ...server]);
}

function Choice({ children, onClick }: { children: string; onClick: () => void }) {
  return (
    <Menu.Item onClick={onClick} className="cursor-pointer rounded px-2 py-1 outline-none data-[highlighted]:bg-panel">
      {children}
    </Menu.Item>
  );
}
