/** What the model draws on the way from the code of one image to that of another. */
import { useEffect, useState } from "preact/hooks";
import type { LabelledImages } from "../../../protocol.ts";
import { imageAt, Picker } from "../../parts/Picker.tsx";
import { Tiles } from "../../parts/Tiles.tsx";
import { request } from "../../state.ts";

const interpolationSteps = 11;

export function Interpolation({
  moment,
  images,
}: {
  readonly moment: string;
  readonly images: LabelledImages;
}) {
  const [from, setFrom] = useState(0);
  const [to, setTo] = useState(1);
  const [way, setWay] = useState<Float32Array | undefined>(undefined);
  useEffect(() => {
    let isOver = false;
    void (async () => {
      const start = await request("encode", imageAt(images, from));
      const end = start && (await request("encode", imageAt(images, to)));
      if (!start || !end) return;
      const codes = new Float32Array(interpolationSteps * start.length);
      for (let step = 0; step < interpolationSteps; step++) {
        const share = step / (interpolationSteps - 1);
        for (let i = 0; i < start.length; i++)
          codes[step * start.length + i] = start[i] + share * (end[i] - start[i]);
      }
      const decoded = await request("decode", codes);
      if (!isOver) setWay(decoded);
    })();
    return () => {
      isOver = true;
    };
  }, [moment, from, to, images]);
  return (
    <section aria-labelledby="interpolation">
      <h2 id="interpolation">
        From one to another <small>along the line between their codes</small>
      </h2>
      {way && (
        <div class="sheet">
          <Tiles
            images={way}
            imageShape={images.imageShape}
            count={interpolationSteps}
            columns={interpolationSteps}
            label={`${interpolationSteps} images on the way from one to the other`}
          />
        </div>
      )}
      <div class="two">
        <Picker images={images} chosen={from} label="From" onChoose={setFrom} />
        <Picker images={images} chosen={to} label="To" onChoose={setTo} />
      </div>
    </section>
  );
}
