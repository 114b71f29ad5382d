/** Signing in: with a one-time address, which does it by itself, or with a token. */

import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { signIn } from "@cortexpilot/frontend-api-client/session";
import { useEffect, useId, useRef, useState } from "react";

import { client, queryClient } from "../data/client.js";
import { sessionQuery } from "../data/queries.js";
import { Button, Notice } from "../ui/basic.js";
import { Failed } from "../ui/states.js";

/** `ended`: somebody was signed in on this page until now. */
export function Login({ login, ended, onDone }: { login: string | undefined; ended: boolean; onDone: () => void }) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(login !== undefined);
  const [error, setError] = useState<unknown>();
  const id = useId();
  const sent = useRef(false);

  const enter = async (by: { token: string } | { login: string }): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const session = await signIn(client, by);
      queryClient.setQueryData(sessionQuery.queryKey, session);
      onDone();
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  };
  useEffect(() => {
    document.title = "Sign in · CortexPilot";
    // A one-time secret is spent once, also where effects run twice.
    if (login === undefined || sent.current) return;
    sent.current = true;
    void enter({ login });
  });

  const spent = isControlPlaneError(error, "AUTH_INVALID_TOKEN");
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-md flex-col justify-center gap-4 px-4 py-10">
      <div>
        <h1>CortexPilot</h1>
        <p className="text-muted">The operator’s console. Look at what an agent wants to have run, then say yes or no.</p>
      </div>
      {ended && error === undefined && (
        <Notice tone="attention" role="alert" title="Your session has ended">
          <p>Its time was over, its token was taken back, or it was ended elsewhere. Sign in again, and this page is where it was.</p>
        </Notice>
      )}
      {login !== undefined && busy && <p role="status">Signing in with the one-time address…</p>}
      {error !== undefined &&
        (spent ? (
          <Notice tone="attention" role="alert" title="Nobody was signed in">
            <p>{isControlPlaneError(error) ? `${error.reason} ${error.nextStep}` : ""}</p>
          </Notice>
        ) : (
          <Failed error={error} title="Nobody was signed in" />
        ))}
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== "") void enter({ token: token.trim() });
        }}
      >
        <div>
          <label htmlFor={id} className="mb-1 block font-medium">
            Token
          </label>
          <input
            id={id}
            type="password"
            autoComplete="off"
            spellCheck={false}
            className="field font-mono"
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
          <p className="mt-1 text-sm text-muted">
            Exchanged for a session that no script of a page can read, and kept nowhere else.
          </p>
        </div>
        <div>
          <Button type="submit" kind="main" busy={busy} why={token.trim() === "" && !busy ? "Paste a token first." : undefined}>
            Sign in
          </Button>
        </div>
      </form>
      <section aria-label="Where a token comes from" className="border-t border-line pt-3 text-sm text-muted">
        <p>
          On the machine that serves this, <code className="font-mono text-ink">cortexpilot console login</code> prints an address that signs in once.
        </p>
        <p>
          A token of your own, so that your decisions carry your name:{" "}
          <code className="font-mono text-ink">cortexpilot token create --name NAME --kind operator --role OPS</code>
        </p>
      </section>
    </main>
  );
}
