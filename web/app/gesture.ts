/**
 * For where a finger draws or drags. `touch-action: none` keeps the page from scrolling under it; but the browser would
 * still take a quick stroke for the beginning of a fling, and the next tap (on "Clear") for its end, which clicks nothing.
 */
export function notAGesture(event: TouchEvent): void {
  event.preventDefault();
}
