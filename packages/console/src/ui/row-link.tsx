/** A link for rows of long lists. The router's own follows every change of the address; a hundred of those cost a frame. */

import { useRouter } from "@tanstack/react-router";
import type { ReactNode } from "react";

export function RowLink({ href, className, children }: { href: string; className?: string; children: ReactNode }) {
  const router = useRouter();
  return (
    <a
      href={href}
      className={className}
      onClick={(event) => {
        // Another tab, another window, a download: those are the browser's.
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        router.history.push(href);
      }}
    >
      {children}
    </a>
  );
}

/** An address of this console. */
export function addressOf(path: string, search: Readonly<Record<string, string | undefined>> = {}): string {
  const pairs = Object.entries(search).filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== "");
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs)}`;
}
