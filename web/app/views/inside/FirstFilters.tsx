/** The weights of the first layer as pictures. */
import { useEffect, useState } from "preact/hooks";
import type { Filters } from "../../../protocol.ts";
import { reachOf, Tiles } from "../../parts/Tiles.tsx";
import { narrow, request } from "../../state.ts";

export function FirstFilters({ moment }: { readonly moment: string }) {
  const [filters, setFilters] = useState<Filters | undefined>(undefined);
  useEffect(() => {
    void request("filters").then((found) => setFilters(found));
  }, [moment]);
  if (!filters) return null;
  const { layer, count, of, imageShape, weights } = filters;
  const isSmall = imageShape[1] < 10;
  return (
    <section aria-labelledby="filters">
      <h2 id="filters">
        First filters{" "}
        <small>
          weights of {layer}: {count < of ? `${count} of ${of}` : count}, of {imageShape[1]} × {imageShape[2]}
          ; blue below zero, orange above
        </small>
      </h2>
      <div class={isSmall ? "sheet small" : "sheet"}>
        <Tiles
          images={weights}
          imageShape={imageShape}
          count={count}
          columns={Math.min(count, narrow.value ? 8 : 16)}
          tone="signed"
          scale={0.7 * reachOf(weights)}
          label={`${count} filters of the first layer`}
        />
      </div>
    </section>
  );
}
