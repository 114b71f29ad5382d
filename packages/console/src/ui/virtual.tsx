/** Long lists: of fifty thousand rows those are drawn that can be seen. Rows are of one height, so a place is a product. */

import { type ReactNode, type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from "react";

import { cx } from "./basic.js";

/** Rows drawn beyond each edge, so that a fast finger sees rows and not gaps. */
const BEYOND = 8;

/** Browsers stop at some 16 to 33 million pixels; far below that, places are still exact. */
const HEIGHT_MAX = 8_000_000;

export interface VirtualHandle {
  /** Scrolls just so far that a row can be seen. */
  reveal: (at: number) => void;
  /** Scrolls to the last row. */
  toEnd: () => void;
}

export function VirtualList<T>({
  items,
  rowHeight,
  render,
  keyOf,
  label,
  className,
  handle,
  role = "list",
  onEnd,
}: {
  items: readonly T[];
  rowHeight: number;
  render: (item: T, at: number) => ReactNode;
  keyOf: (item: T, at: number) => string;
  label: string;
  className?: string;
  handle?: Ref<VirtualHandle>;
  role?: "list" | "rowgroup";
  /** Told when the last rows come into sight. */
  onEnd?: () => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const total = Math.min(items.length * rowHeight, HEIGHT_MAX);
  // Beyond the browser's limit a pixel of the bar stands for more than a pixel of the list.
  const scale = total === 0 ? 1 : (items.length * rowHeight) / total;

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const measure = (): void => {
      const top = element.scrollTop;
      const height = element.clientHeight;
      setView((was) => (was.top === top && was.height === height ? was : { top, height }));
    };
    measure();
    element.addEventListener("scroll", measure, { passive: true });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", measure);
      observer.disconnect();
    };
  }, []);

  useImperativeHandle(
    handle,
    () => ({
      reveal(at) {
        const element = box.current;
        if (element === null) return;
        const top = (at * rowHeight) / scale;
        if (top < element.scrollTop) element.scrollTop = top;
        else if (top + rowHeight > element.scrollTop + element.clientHeight) {
          element.scrollTop = top + rowHeight - element.clientHeight;
        }
      },
      toEnd() {
        const element = box.current;
        if (element !== null) element.scrollTop = element.scrollHeight;
      },
    }),
    [rowHeight, scale],
  );

  const offset = view.top * scale;
  const first = Math.max(0, Math.floor(offset / rowHeight) - BEYOND);
  const last = Math.min(items.length, Math.ceil((offset + view.height) / rowHeight) + BEYOND);
  useEffect(() => {
    if (last >= items.length) onEnd?.();
  }, [last, items.length, onEnd]);

  const shift = scale === 1 ? first * rowHeight : view.top - (offset - first * rowHeight);
  return (
    <div ref={box} className={cx("scroller", className)} tabIndex={-1}>
      <div className="relative overflow-clip" style={{ height: total }}>
        <div role={role} aria-label={label} className="absolute inset-x-0 top-0" style={{ transform: `translateY(${shift}px)` }}>
          {items.slice(first, last).map((item, at) => (
            <div
              key={keyOf(item, first + at)}
              role={role === "list" ? "listitem" : undefined}
              aria-setsize={role === "list" ? items.length : undefined}
              aria-posinset={role === "list" ? first + at + 1 : undefined}
              style={{ height: rowHeight }}
            >
              {render(item, first + at)}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
