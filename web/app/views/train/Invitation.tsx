/** What the page is about, and what there is to learn from. */
import { useEffect, useState } from "preact/hooks";
import type { LabelledImages } from "../../../protocol.ts";
import { Tile } from "../../parts/Tiles.tsx";
import { choice, request, stored } from "../../state.ts";

const previewed = 48;

export function Invitation() {
  const [images, setImages] = useState<LabelledImages | undefined>(undefined);
  const { data, seed } = choice.value;
  const isThere = stored.value.includes(data);
  useEffect(() => {
    let isOver = false;
    if (isThere) {
      void request("preview", data, seed, previewed).then((found) => {
        if (!isOver) setImages(found);
      });
    } else {
      setImages(undefined);
    }
    return () => {
      isOver = true;
    };
  }, [data, seed, isThere]);
  return (
    <>
      <div class="empty">
        <p class="headline">Train a network in this page.</p>
        <p>
          Choose a model and press Start. Every kernel runs on your own adapter, and nothing leaves this page.
        </p>
      </div>
      {images && (
        <ul class="columns preview">
          {Array.from({ length: images.count }, (_, index) => (
            <li key={index}>
              <Tile
                images={images.images}
                imageShape={images.imageShape}
                index={index}
                label={`Image ${index + 1} of the data`}
              />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
