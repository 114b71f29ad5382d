/** The pages of the header. */

/** Where one can go. `key` follows `g`. */
export const PLACES = [
  { to: "/", label: "Overview", key: "o" },
  { to: "/queue", label: "Queue", key: "q" },
  { to: "/approvals", label: "Approvals", key: "a" },
  { to: "/runs", label: "Runs", key: "r" },
  { to: "/cases", label: "Cases", key: "c" },
  { to: "/workers", label: "Workers", key: "w" },
  { to: "/audit", label: "Audit", key: "u" },
] as const;
