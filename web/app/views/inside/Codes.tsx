/** The codes of test images on a map, and the image that the model draws from a code as it is dragged. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CodeMap } from "../../../protocol.ts";
import { latestOnly } from "../../latest.ts";
import { classColours } from "../../parts/colours.ts";
import { Tiles } from "../../parts/Tiles.tsx";
import { dark, request, status } from "../../state.ts";
import { Plane } from "./Plane.tsx";
import { Sliders } from "./Sliders.tsx";

export function Codes(props: { readonly moment: string; readonly imageShape: readonly number[] }) {
  const { moment, imageShape } = props;
  const [map, setMap] = useState<CodeMap | undefined>(undefined);
  const [code, setCode] = useState<Float32Array | undefined>(undefined);
  /** The same: a map that comes later than a drag finds what was dragged. */
  const latest = useRef<Float32Array | undefined>(undefined);
  const [decoded, setDecoded] = useState<Float32Array | undefined>(undefined);
  const decode = useMemo(
    () => latestOnly(async (wanted: Float32Array) => setDecoded(await request("decode", wanted))),
    [],
  );
  const take = (next: Float32Array) => {
    latest.current = next;
    setCode(next);
    decode(next);
  };
  useEffect(() => {
    void request("codeMap").then((found) => {
      setMap(found);
      if (!found) return;
      const { current: code } = latest;
      take(code?.length === found.codeSize ? code : found.centre);
    });
  }, [moment]);
  if (!map || !code)
    return (
      <p class="tall" role="status">
        Encoding test images
      </p>
    );
  return (
    <section class="tall" aria-labelledby="codes">
      <h2 id="codes">
        Codes{" "}
        <small>
          {map.codeSize > 2
            ? `of test images, seen along the two directions in which their ${map.codeSize} numbers differ most; drag, and the model draws what is there`
            : "of test images; drag, and the model draws what is there"}
        </small>
      </h2>
      <div class="codes">
        <Plane map={map} code={code} onCode={take} />
        <figure class="decoded">
          {decoded && (
            <Tiles
              images={decoded}
              imageShape={imageShape}
              count={1}
              columns={1}
              label="The image that the model draws from this code"
            />
          )}
          <figcaption>decoded</figcaption>
        </figure>
      </div>
      <Legend />
      <details>
        <summary>
          {map.codeSize === 1
            ? "A slider for the number"
            : `A slider for each of the ${map.codeSize} numbers`}
        </summary>
        <Sliders map={map} code={code} onCode={take} />
      </details>
    </section>
  );
}

function Legend() {
  const classes = status.value.model?.classes ?? [];
  const colours = classColours[dark.value ? "dark" : "light"];
  return (
    <ul class="legend" aria-label="Classes">
      {classes.map((name, index) => (
        <li key={name}>
          <span aria-hidden="true" style={{ background: colours[index % colours.length] }} />
          {name}
        </li>
      ))}
    </ul>
  );
}
