/**
 * A control that goes away, or cannot be used any more, takes the keyboard's focus with it, and whoever tabs on would begin
 * at the page's top. So what stands in its place gets the focus: another control of its group, or else the content.
 */

const groups = ".actions, .notices";

/** The control that has the focus, or had it until it went away. */
let last: HTMLElement | undefined;
let group: Element | null = null;

export function keepFocus(): void {
  addEventListener("focusin", ({ target }) => {
    last = target as HTMLElement;
    group = last.closest(groups);
  });
  addEventListener("focusout", () => {
    // What is there and could have kept the focus was left by whoever had it there.
    queueMicrotask(() => {
      if (document.activeElement === document.body && last && canHaveFocus(last)) last = undefined;
    });
  });
  new MutationObserver(findPlace).observe(document.body, {
    subtree: true,
    childList: true,
    attributeFilter: ["disabled"],
  });
}

function findPlace(): void {
  if (!last || document.activeElement !== document.body) return;
  const inGroup = group?.isConnected ? [...group.querySelectorAll<HTMLElement>("button")] : [];
  const next = [last, ...inGroup].find(canHaveFocus);
  if (next) next.focus();
  else if (inGroup.length === 0) document.getElementById("content")?.focus(); // or one may be enabled soon
}

function canHaveFocus(element: HTMLElement): boolean {
  return element.isConnected && !element.matches(":disabled");
}
