/**
 * What a person should know. The messages have room of their own at the page's end, and stick to the window's lower edge
 * wherever the person is: so they are always seen, move nothing, and whatever they lie over can be scrolled out.
 */
import { useEffect, useRef } from "preact/hooks";
import type { Notice } from "../../protocol.ts";
import { dismiss, notices } from "../state.ts";

export function Notices() {
  const holder = useRef<HTMLDivElement>(null);
  // What is reached by keyboard is scrolled to where no message lies over it.
  useEffect(() => {
    const watcher = new ResizeObserver(([{ target }]) => {
      document.documentElement.style.setProperty("--notices", `${target.clientHeight}px`);
    });
    watcher.observe(holder.current!);
    return () => watcher.disconnect();
  }, []);
  const latestFirst = notices.value.toReversed();
  const of = (kind: Notice["kind"]) => latestFirst.filter((notice) => notice.kind === kind).map(Message);
  return (
    <div class="notices" ref={holder}>
      <div role="alert">{of("error")}</div>
      <div role="status">{of("information")}</div>
    </div>
  );
}

function Message(notice: Notice) {
  return (
    <div key={notice.text} class={`notice ${notice.kind}`}>
      <p>
        <strong>{notice.text}</strong>
        {notice.help && <span>{notice.help}</span>}
      </p>
      <button type="button" class="plain" onClick={() => dismiss(notice)}>
        Dismiss
      </button>
    </div>
  );
}
