/** Test images, of which one is chosen: a group of radio buttons. */
import { useId } from "preact/hooks";
import type { LabelledImages } from "../../protocol.ts";
import { status } from "../state.ts";
import { Tile } from "./Tiles.tsx";

export function Picker(props: {
  readonly images: LabelledImages;
  readonly chosen: number;
  readonly label: string;
  readonly onChoose: (index: number) => void;
}) {
  const { images, chosen, label, onChoose } = props;
  const classes = status.value.model?.classes ?? [];
  const name = useId();
  return (
    <fieldset class="picker">
      <legend>{label}</legend>
      <div>
        {Array.from({ length: images.count }, (_, index) => (
          <label key={index}>
            <input
              type="radio"
              name={name}
              checked={index === chosen}
              aria-label={`Test image ${index + 1}: ${classes[images.labels[index]]}`}
              onChange={() => onChoose(index)}
            />
            <Tile
              images={images.images}
              imageShape={images.imageShape}
              index={index}
              label={`${classes[images.labels[index]]}`}
            />
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function imageAt({ images, imageShape }: LabelledImages, index: number): Float32Array {
  const size = imageShape.reduce((a, b) => a * b, 1);
  return images.slice(index * size, (index + 1) * size);
}
