/** Whether the screen is narrow. */

import { useSyncExternalStore } from "react";

const narrow = matchMedia("(max-width: 48rem)");

export function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      narrow.addEventListener("change", listener);
      return () => narrow.removeEventListener("change", listener);
    },
    () => narrow.matches,
  );
}
