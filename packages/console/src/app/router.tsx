/** Every page has an address that reproduces it: tab, filter and open drawer are in it. Pages are fetched when they are gone to. */

import { Link, createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";

import { Empty, Failed } from "../ui/states.js";
import { Frame } from "./frame.js";

/** The texts of a query that a page knows; everything else is left out. */
function texts<const N extends string>(...names: N[]): (search: Record<string, unknown>) => { [K in N]?: string } {
  return (search) => {
    const found: { [K in N]?: string } = {};
    for (const name of names) {
      const value = search[name];
      if (typeof value === "string" && value !== "") found[name] = value.slice(0, 500) as never;
    }
    return found;
  };
}

const root = createRootRoute({
  component: Frame,
  notFoundComponent: () => (
    <Empty title="There is no such page">
      <Link to="/" className="link">
        Go to the overview
      </Link>
    </Empty>
  ),
  errorComponent: ({ error, reset }) => <Failed error={error} again={reset} />,
});

const route = createRoute;
const routes = [
  route({ getParentRoute: () => root, path: "/", validateSearch: texts("span"), component: lazyRouteComponent(() => import("../pages/overview.js"), "Overview") }),
  route({
    getParentRoute: () => root,
    path: "/queue",
    validateSearch: texts("tab", "q", "workflow", "sort", "item"),
    component: lazyRouteComponent(() => import("../pages/queue.js"), "QueuePage"),
  }),
  route({
    getParentRoute: () => root,
    path: "/queue/$queueId",
    component: lazyRouteComponent(() => import("../pages/item.js"), "ItemPage"),
  }),
  route({
    getParentRoute: () => root,
    path: "/approvals",
    validateSearch: texts("tab", "open"),
    component: lazyRouteComponent(() => import("../pages/approvals.js"), "Approvals"),
  }),
  route({
    getParentRoute: () => root,
    path: "/runs",
    validateSearch: texts("q", "outcome", "workflow"),
    component: lazyRouteComponent(() => import("../pages/runs.js"), "Runs"),
  }),
  route({
    getParentRoute: () => root,
    path: "/runs/$runId",
    validateSearch: texts("tab", "view", "q", "with", "file"),
    component: lazyRouteComponent(() => import("../pages/run.js"), "RunPage"),
  }),
  route({
    getParentRoute: () => root,
    path: "/runs/$runId/queue",
    validateSearch: texts("priority", "scheduled", "deadline"),
    component: lazyRouteComponent(() => import("../pages/preview.js"), "PreviewPage"),
  }),
  route({ getParentRoute: () => root, path: "/cases", component: lazyRouteComponent(() => import("../pages/cases.js"), "Cases") }),
  route({
    getParentRoute: () => root,
    path: "/cases/$workflowId",
    component: lazyRouteComponent(() => import("../pages/cases.js"), "CasePage"),
  }),
  route({ getParentRoute: () => root, path: "/workers", component: lazyRouteComponent(() => import("../pages/workers.js"), "Workers") }),
  route({
    getParentRoute: () => root,
    path: "/audit",
    validateSearch: texts("tab", "event", "q", "line"),
    component: lazyRouteComponent(() => import("../pages/audit.js"), "Audit"),
  }),
  route({ getParentRoute: () => root, path: "/tokens", component: lazyRouteComponent(() => import("../pages/tokens.js"), "Tokens") }),
  route({ getParentRoute: () => root, path: "/settings", component: lazyRouteComponent(() => import("../pages/settings.js"), "Settings") }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([...routes]),
  defaultPreload: "intent",
  scrollRestoration: false,
  // Plain texts, so that an address says what it means and `?q=5` stays a text.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const pairs = Object.entries(search).filter((pair): pair is [string, string] => typeof pair[1] === "string" && pair[1] !== "");
    return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
