/** Signed in or not: which of the two is shown first is all that this decides. */

import { isControlPlaneError } from "@cortexpilot/frontend-api-client";
import { takeLogin } from "@cortexpilot/frontend-api-client/session";
import { QueryClientProvider, useQuery } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { queryClient, setHeldRoles } from "../data/client.js";
import { queueStore } from "../data/live.js";
import { sessionQuery } from "../data/queries.js";
import { Failed, Loading } from "../ui/states.js";
import { Login } from "./login.js";
import { router } from "./router.js";

// Before anything else looks at the address.
const LOGIN = takeLogin();

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <Door />
    </QueryClientProvider>
  );
}

function Door() {
  const [login, setLogin] = useState(LOGIN);
  // A one-time address signs in whoever has it, also where somebody else was signed in before.
  const session = useQuery({ ...sessionQuery, enabled: login === undefined });
  const out = isControlPlaneError(session.error) && session.error.status === 401;
  useEffect(() => {
    if (!out) return;
    queueStore.stop();
    setHeldRoles(undefined);
    // Somebody else may sign in: nothing of what the one before was shown is kept.
    queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
  }, [out]);

  if (login !== undefined || out) {
    return (
      <Login
        login={login}
        ended={out && session.data !== undefined}
        onDone={() => {
          setLogin(undefined);
          if (location.pathname === "/login") history.replaceState(null, "", "/");
          void queryClient.invalidateQueries();
          void router.invalidate();
        }}
      />
    );
  }
  if (session.data !== undefined) {
    setHeldRoles(session.data);
    return <RouterProvider router={router} />;
  }
  if (session.isError) {
    return (
      <main className="mx-auto max-w-xl p-6">
        <h1 className="mb-3">CortexPilot</h1>
        <Failed error={session.error} again={() => void session.refetch()} title="The control plane did not answer" />
      </main>
    );
  }
  return <Loading what="the console" />;
}
