/**
 * A browser that loses its graphics card's memory wipes the canvases that were in it, and says so when they can be painted
 * on again.
 */
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

/** How often the canvas came back blank: an effect that paints depends on it. */
export function useRestored(canvas: RefObject<HTMLCanvasElement | null>): number {
  const [times, setTimes] = useState(0);
  useEffect(() => {
    const element = canvas.current!;
    const count = () => setTimes((before) => before + 1);
    element.addEventListener("contextrestored", count);
    return () => element.removeEventListener("contextrestored", count);
  }, [canvas]);
  return times;
}
