/** What comes out of every layer for an image that a person chooses. */
import { useEffect, useState } from "preact/hooks";
import type { Activation, LabelledImages } from "../../../protocol.ts";
import { imageAt, Picker } from "../../parts/Picker.tsx";
import { reachOf, Tiles } from "../../parts/Tiles.tsx";
import { narrow, request } from "../../state.ts";

export function Activations({
  moment,
  images,
}: {
  readonly moment: string;
  readonly images: LabelledImages;
}) {
  const [chosen, setChosen] = useState(0);
  const [layers, setLayers] = useState<readonly Activation[]>([]);
  useEffect(() => {
    void request("activations", imageAt(images, chosen)).then((found) => setLayers(found ?? []));
  }, [moment, images, chosen]);
  return (
    <section class="wide" aria-labelledby="layers">
      <h2 id="layers">
        Activations <small>of every layer, for the image you choose</small>
      </h2>
      <Picker images={images} chosen={chosen} label="Image to look at" onChoose={setChosen} />
      <ol class="layers">
        {layers.map((activation, index) => (
          <li key={index}>
            <p>
              <strong>{activation.describes}</strong>
              <span>
                {activation.layer && `${activation.layer}, `}
                {activation.shape.join(" × ")}
              </span>
            </p>
            <LayerPicture activation={activation} imageShape={images.imageShape} />
          </li>
        ))}
      </ol>
    </section>
  );
}

const mostMaps = 64;
const mostUnits = 512;
/** No map is shown larger than so many pixels. */
const largestMap = 72;
const unitZoom = 5;

function LayerPicture(props: { readonly activation: Activation; readonly imageShape: readonly number[] }) {
  const { activation, imageShape } = props;
  const { describes, shape, values } = activation;
  const isSigned = values.some((value) => value < 0);
  const shared = { tone: isSigned ? "signed" : "ink", scale: reachOf(values) } as const;
  if (shape.length === 3) {
    const [maps, height, width] = shape;
    const count = Math.min(maps, mostMaps);
    const columns = Math.min(count, narrow.value ? 8 : 16);
    return (
      <div class="sheet" style={{ maxWidth: `${columns * largestMap}px` }}>
        <Tiles
          {...shared}
          images={values}
          imageShape={[1, height, width]}
          count={count}
          columns={columns}
          label={`${describes}: ${maps} maps`}
        />
      </div>
    );
  }
  const [, height, width] = imageShape;
  if (values.length === height * width) {
    return (
      <div class="sheet" style={{ maxWidth: `${largestMap}px` }}>
        <Tiles
          {...shared}
          images={values}
          imageShape={[1, height, width]}
          count={1}
          columns={1}
          label={`${describes}: ${values.length} units, one a pixel`}
        />
      </div>
    );
  }
  const count = Math.min(values.length, mostUnits);
  const columns = Math.min(count, narrow.value ? 32 : 64);
  return (
    <div class="sheet" style={{ maxWidth: `${columns * 12}px` }}>
      <Tiles
        {...shared}
        images={values}
        imageShape={[1, 1, 1]}
        count={count}
        columns={columns}
        zoom={unitZoom}
        label={`${describes}: ${values.length} units`}
      />
    </div>
  );
}
