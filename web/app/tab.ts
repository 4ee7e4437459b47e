/** Which tab of the browser this is: what it keeps is its own, and a reload finds it again. */

const key = "wgrad.tab";

/**
 * The tab's name, from `sessionStorage`, which outlives a reload. A duplicated tab has a copy of that; so a tab holds the
 * lock of its name, and one that finds its lock held is another tab, which takes a new name.
 */
export async function ownTab(): Promise<string> {
  const known = remembered();
  if (known !== null && (await hold(known))) return known;
  const fresh = crypto.randomUUID();
  remember(fresh);
  await hold(fresh);
  return fresh;
}

/** The page that was here before a reload may still be on its way out. */
const milliseconds = 1000;

/** Holds the tab's lock as long as the page is there. @returns false where somebody else does */
function hold(tab: string): Promise<boolean> {
  return new Promise((resolve) => {
    const holding = navigator.locks.request(tab, { signal: AbortSignal.timeout(milliseconds) }, () => {
      resolve(true);
      return new Promise(() => {});
    });
    holding.catch(() => resolve(false));
  });
}

function remembered(): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function remember(tab: string): void {
  try {
    sessionStorage.setItem(key, tab);
  } catch {
    // It keeps nothing: there is nothing to find again.
  }
}
