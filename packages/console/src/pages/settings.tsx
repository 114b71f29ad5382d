/** What holds on this server, what this browser remembers, and how a reading agent is connected. */

import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { GateFacts } from "../app/gate-menu.js";
import { Title } from "../app/frame.js";
import { send } from "../data/http.js";
import { setPref, usePref } from "../data/prefs.js";
import { gateQuery, useSession } from "../data/queries.js";
import { Card, Copy, Facts, Foreign } from "../ui/basic.js";
import { CopyAs, commandOf } from "../ui/command.js";
import { type Asked, ReasonDialog } from "../ui/reason.js";
import { Failed, Loaded } from "../ui/states.js";

/** One setting as `config show --origin` tells it. */
interface Setting {
  variable: string;
  value: string;
  origin?: string | null;
  secret?: boolean;
}

const CLIENTS = ["claude-code", "codex", "cursor", "vscode", "opencode", "gemini", "windsurf"] as const;

export function Settings() {
  const session = useSession();
  const gate = useQuery(gateQuery);
  const [asked, ask] = useState<Asked>();
  const [mcp, setMcp] = useState<string>("claude-code");
  const config = useQuery({
    queryKey: ["config"],
    queryFn: async () => {
      const answer = await send<Setting[] | { items: Setting[] }>("GET", "/api/config", { operation: "config_get" });
      return Array.isArray(answer) ? answer : answer.items;
    },
    staleTime: 60_000,
  });
  const install = commandOf(["mcp", "install", mcp]);
  const overHttp = JSON.stringify({ mcpServers: { "cortexpilot-readonly": { type: "http", url: `${location.origin}/mcp/readonly`, headers: { Authorization: "Bearer ${CORTEXPILOT_TOKEN}" } } } }, undefined, 2);
  return (
    <>
      <Title name="Settings" aside={<CopyAs command={["config", "show", "--origin"]} />}>
        Settings
      </Title>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="min-w-0 space-y-4">
          <Card title="Agents may queue" aside={gate.data?.agents_may_queue}>
            <Loaded query={gate} what="the gate">
              {(data) => <GateFacts standing={data} ask={ask} />}
            </Loaded>
          </Card>
          <Card title="This server’s configuration" aside={`version ${session.version}`} flush={config.data !== undefined}>
            {config.data !== undefined ? (
              <div className="scroller" tabIndex={0} role="group" aria-label="Configuration">
                <table className="w-full">
                  <thead>
                    <tr className="border-b border-line text-sm text-muted">
                      <th scope="col" className="px-3 py-1">Setting</th>
                      <th scope="col" className="px-3 py-1">Value</th>
                      <th scope="col" className="px-3 py-1">From</th>
                    </tr>
                  </thead>
                  <tbody>
                    {config.data.map((row) => (
                      <tr key={row.variable} className="border-b border-line align-top last:border-0">
                        <td className="px-3 py-1 font-mono text-sm break-all">{row.variable}</td>
                        <td className="px-3 py-1"><Foreign text={row.secret === true ? "set, and not shown" : row.value} mono /></td>
                        <td className="px-3 py-1 text-muted">{row.origin ?? "–"}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            ) : config.isError && !isControlPlaneError(config.error, "NOT_FOUND") ? (
              <Failed error={config.error} />
            ) : (
              <>
                <p className="text-muted">This server does not tell its settings over HTTP. Where it runs, each value and where it came from:</p>
                <p className="mt-1 flex items-center gap-2">
                  <code className="font-mono">cortexpilot config show --origin</code>
                  <Copy text="cortexpilot config show --origin" label="Copy" />
                </p>
              </>
            )}
          </Card>
        </div>
        <div className="min-w-0 space-y-4">
          <Card title="This browser">
            <div className="space-y-3">
              <Choice name="theme" label="Theme" options={[["system", "As the system"], ["light", "Light"], ["dark", "Dark"]]} />
              <Choice name="zone" label="Times" options={[["local", `In this browser’s zone (${Intl.DateTimeFormat().resolvedOptions().timeZone})`], ["UTC", "In UTC, as the ledger"]]} />
              <Choice name="keys" label="Single-key shortcuts" options={[["on", "On"], ["off", "Off"]]} />
              {session.roles.length > 1 && <Choice name="role" label="Act in role" options={session.roles.map((role) => [role, role])} fallback={session.roles[0] ?? ""} />}
            </div>
          </Card>
          <Card title="Connect an agent that reads" aside="read-only MCP">
            <div className="space-y-3">
              <p className="text-muted">
                The read-only server shows runs and the queue to an MCP client and can change nothing. Nothing on this page gives an agent more than that.
              </p>
              <label className="flex flex-wrap items-center gap-2">
                Client
                <select className="field w-auto" value={mcp} onChange={(event) => setMcp(event.target.value)}>
                  {CLIENTS.map((each) => (
                    <option key={each}>{each}</option>
                  ))}
                </select>
              </label>
              <Snippet text={install} about="Prints what would be written; with --write it writes it." />
              <Snippet text={overHttp} about="Over HTTP, for clients that are configured by a file." />
            </div>
          </Card>
          <Card title="Keys">
            <Facts
              rows={[
                ["Everywhere", <span key="e"><kbd>?</kbd> shows all keys</span>],
                ["To a page", <span key="p"><kbd>g</kbd> and its letter, as in <kbd>g</kbd> <kbd>q</kbd></span>],
              ]}
            />
          </Card>
        </div>
      </div>
      <ReasonDialog asked={asked} close={() => ask(undefined)} />
    </>
  );
}

function Choice({ name, label, options, fallback }: { name: "theme" | "zone" | "keys" | "role"; label: string; options: readonly (readonly [string, string])[]; fallback?: string }): ReactNode {
  const chosen = usePref(name) || fallback;
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{label}</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-1">
        {options.map(([value, words]) => (
          <label key={value} className="flex items-center gap-1.5">
            <input type="radio" name={name} value={value} checked={chosen === value} onChange={() => setPref(name, value)} />
            {words}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Snippet({ text, about }: { text: string; about: string }) {
  return (
    <div>
      <div className="scroller flex items-start gap-2 rounded-md border border-line bg-panel p-2" tabIndex={0} role="group" aria-label="To copy">
        <code className="min-w-0 grow font-mono text-sm whitespace-pre-wrap">{text}</code>
        <Copy text={text} label="Copy" />
      </div>
      <p className="mt-0.5 text-sm text-muted">{about}</p>
    </div>
  );
}
