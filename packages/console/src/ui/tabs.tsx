/** Views of one page, each with an address: links, because that is what they are. */

import { Link } from "@tanstack/react-router";

import { cx } from "./basic.js";

export interface Tab {
  id: string;
  label: string;
  count?: number | string | undefined;
  /** A count that a person should look at. */
  loud?: boolean;
}

export function Tabs({ tabs, here, label, to }: { tabs: readonly Tab[]; here: string; label: string; to: (id: string) => object }) {
  return (
    <nav aria-label={label} className="scroller mb-3 flex gap-1 border-b border-line pb-px" tabIndex={-1}>
      {tabs.map((tab) => (
        <Link
          key={tab.id}
          {...(to(tab.id) as object as { to: "." })}
          activeProps={{}}
          aria-current={tab.id === here ? "page" : undefined}
          className={cx(
            "-mb-px shrink-0 border-b-2 px-2.5 py-1 whitespace-nowrap",
            tab.id === here ? "border-accent font-medium" : "border-transparent text-muted hover:text-ink",
          )}
        >
          {tab.label}
          {tab.count !== undefined && " "}
          {tab.count !== undefined && (
            <span className={cx("ml-1 text-sm", tab.loud === true ? "font-medium text-attention-ink" : "text-muted")}>
              {typeof tab.count === "number" ? tab.count.toLocaleString("en") : tab.count}
            </span>
          )}
        </Link>
      ))}
    </nav>
  );
}
