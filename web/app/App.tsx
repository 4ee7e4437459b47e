/** The frame around all views: name, navigation, adapter, messages; and files dropped anywhere. */
import { useEffect, useState } from "preact/hooks";
import { takeFiles } from "./files.ts";
import { Notices } from "./parts/Notices.tsx";
import { goTo, machine, type View, view, views } from "./state.ts";
import { Draw } from "./views/Draw.tsx";
import { Inside } from "./views/Inside.tsx";
import { Machine } from "./views/Machine.tsx";
import { NoWebGpu } from "./views/NoWebGpu.tsx";
import { Train } from "./views/Train.tsx";

const titles: Readonly<Record<View, string>> = {
  train: "Train",
  inside: "Look inside",
  draw: "Draw",
  machine: "Machine",
};
const pages = { train: Train, inside: Inside, draw: Draw, machine: Machine } as const;

export function App() {
  const found = machine.value;
  const missing = typeof found === "object" && "missing" in found ? found.missing : undefined;
  const adapter = typeof found === "object" && "name" in found ? found : undefined;
  const Page = pages[view.value];
  useEffect(() => {
    document.title = `${titles[view.value]} · wgrad`;
  }, [view.value]);
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <p class="brand">
          <img src="./icon.svg" alt="" width="26" height="26" />
          wgrad
        </p>
        {(adapter || found === "opening") && (
          <nav aria-label="Views">
            {views.map((name) => (
              <a
                key={name}
                href={`?view=${name}`}
                aria-current={view.value === name ? "page" : undefined}
                onClick={(event) => {
                  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                  event.preventDefault();
                  goTo(name);
                }}
              >
                {titles[name]}
              </a>
            ))}
          </nav>
        )}
        <p class="adapter">{adapter?.name}</p>
      </header>
      <main id="content" tabIndex={-1}>
        {found === "opening" && <Opening />}
        {missing && <NoWebGpu notice={missing} />}
        {adapter && <Page />}
      </main>
      <Notices />
      <DropZone />
    </>
  );
}

function Opening() {
  return (
    <div class="empty" role="status">
      <p>Looking for a graphics adapter</p>
      <progress aria-label="Looking for a graphics adapter" />
    </div>
  );
}

/** Shows, while files are over the page, that they may be dropped. */
function DropZone() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(false);
      void takeFiles([...(event.dataTransfer?.files ?? [])]);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
    };
  }, []);
  if (!isOver) return null;
  return (
    <div class="dropping">
      <p>Drop MNIST’s four files, or a checkpoint</p>
    </div>
  );
}
