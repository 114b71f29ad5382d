/** Who may ask for anything here, and by which token. Making one is left to the command line: it is shown once, and not in a page. */

import { revokeToken } from "@cortexpilot/frontend-api-client/operator";
import { PRINCIPAL_KIND, TOKEN_STATE, lookOf } from "@cortexpilot/frontend-shared";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { Title } from "../app/frame.js";
import { actingRole, client } from "../data/client.js";
import { tokensQuery, useMayDecide, useSession } from "../data/queries.js";
import { Badge, Button, Card, Copy, Facts, Foreign, Time } from "../ui/basic.js";
import { CopyAs, commandOf, withReason } from "../ui/command.js";
import { type Asked, ReasonDialog } from "../ui/reason.js";
import { Empty, Loaded } from "../ui/states.js";

export function Tokens() {
  const session = useSession();
  const mayNot = useMayDecide();
  const tokens = useQuery(tokensQuery);
  const queries = useQueryClient();
  const [asked, ask] = useState<Asked>();
  const make = commandOf(["token", "create", "--name", "NAME", "--kind", "operator", "--role", "OPS", "--reason", "REASON"]);
  return (
    <>
      <Title name="Principals and tokens" aside={<CopyAs command={["token", "list"]} http={{ method: "GET", path: "/api/tokens" }} />}>
        Principals and tokens
      </Title>
      <div className="space-y-4">
        <Card title="You">
          <Facts
            rows={[
              ["Principal", <Foreign key="p" text={session.principal} mono />],
              ["Kind", <Badge key="k" look={lookOf(PRINCIPAL_KIND, session.kind)} plain />],
              ["Roles", session.roles.join(", ") || "none"],
              ["Acting in", actingRole() ?? "no role"],
              session.expires_at ? ["Signed in until", <Time key="e" at={session.expires_at} />] : undefined,
            ]}
          />
          {session.principal.startsWith("token:") && (
            <p className="mt-2 text-sm text-attention-ink">
              ! This is a shared token: the record cannot say which person used it, and where two people must agree it does not count.
            </p>
          )}
        </Card>
        <Loaded query={tokens} what="tokens">
          {(data) =>
            data.length === 0 ? (
              <Empty title="There are no personal tokens">
                <p>With one for each person, agent and worker the record carries names.</p>
                <p className="mt-1 inline-flex flex-wrap items-center gap-2">
                  <code className="font-mono">{make}</code> <Copy text={make} label="Copy" />
                </p>
              </Empty>
            ) : (
              <div className="card scroller" tabIndex={0} role="group" aria-label="Personal tokens">
                <table className="w-full min-w-[44rem]">
                  <thead>
                    <tr className="border-b border-line text-sm text-muted">
                      {["Principal", "Kind", "Roles", "State", "Expires", "Made by"].map((name) => (
                        <th key={name} scope="col" className="px-3 py-1 whitespace-nowrap">
                          {name}
                        </th>
                      ))}
                      <th scope="col">
                        <span className="sr-only">What can be done</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.map((token) => (
                      <tr key={token.id} className="row border-b border-line align-top last:border-0">
                        <td className="min-w-40 px-3 py-1.5">
                          <Foreign text={token.principal} mono />
                          {token.sponsor && <div className="text-sm text-muted">for {token.sponsor}</div>}
                        </td>
                        <td className="px-3 py-1.5 whitespace-nowrap">{lookOf(PRINCIPAL_KIND, token.kind).label}</td>
                        <td className="min-w-24 px-3 py-1.5">{token.roles.join(", ") || "–"}</td>
                        <td className="px-3 py-1.5 whitespace-nowrap">
                          <Badge look={lookOf(TOKEN_STATE, token.state)} plain />
                        </td>
                        <td className="px-3 py-1.5">
                          <Time at={token.expires_at} />
                        </td>
                        <td className="px-3 py-1.5 text-muted">
                          <Foreign text={token.created_by} /> <Time at={token.created_at} />
                        </td>
                        <td className="px-3 py-1 text-right">
                          {token.state === "live" && (
                            <Button
                              small
                              kind="danger"
                              why={mayNot}
                              hideWhy
                              onClick={() =>
                                ask({
                                  title: `Take back the token of ${token.principal}?`,
                                  about: "It is refused everywhere from its next request on, and its live views end. It cannot be given back; a new one is made instead.",
                                  verb: "Take it back",
                                  danger: true,
                                  optional: true,
                                  elsewhere: withReason(["token", "revoke", token.id], `/api/tokens/${token.id}/revoke`),
                                  act: async (reason) => {
                                    await revokeToken(client, token.id, reason === "" ? {} : { reason });
                                    await queries.invalidateQueries({ queryKey: ["tokens"] });
                                  },
                                })
                              }
                            >
                              Take back…
                            </Button>
                          )}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Loaded>
        {(tokens.data?.length ?? 0) > 0 && (
          <p className="flex flex-wrap items-center gap-2 text-sm text-muted">
            A new one is made on the command line, where it is shown once: <code className="font-mono">{make}</code>
            <Copy text={make} label="Copy" />
          </p>
        )}
      </div>
      <ReasonDialog asked={asked} close={() => ask(undefined)} />
    </>
  );
}
