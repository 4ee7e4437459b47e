/** Test images under way: reconstructed, drawn from codes, or guessed. */
import type { Guesses, LivePicture } from "../../../protocol.ts";
import { percent } from "../../format.ts";
import { Tile, Tiles } from "../../parts/Tiles.tsx";
import { status } from "../../state.ts";

const titles: Readonly<Record<string, string>> = {
  reconstructions: "Reconstructions",
  samples: "New images",
};

export function Picture({ picture }: { readonly picture: LivePicture }) {
  if (picture.type === "guesses") return <GuessList guesses={picture} />;
  const { name, stacked, count, imageShape } = picture;
  if (stacked.length === 1) {
    const columns = Math.max(12, picture.columns);
    return (
      <section aria-label={titles[name] ?? name}>
        <h2>
          {titles[name] ?? "What is where in the code"}{" "}
          <small>{name === "samples" ? "drawn from random codes" : ""}</small>
        </h2>
        <div class="sheet">
          <Tiles
            images={stacked[0]}
            imageShape={imageShape}
            count={count}
            columns={columns}
            label={`${count} images that the model draws`}
          />
        </div>
      </section>
    );
  }
  const rows =
    stacked.length === 3 ? ["Test image", "With noise", "Reconstruction"] : ["Test image", "Reconstruction"];
  return (
    <section aria-label="Reconstructions">
      <h2>
        Reconstructions <small>{rows.map((row) => row.toLowerCase()).join(", ")}, below each other</small>
      </h2>
      <ul class="columns">
        {Array.from({ length: count }, (_, index) => (
          <li key={index}>
            {stacked.map((images, row) => (
              <Tile
                key={rows[row]}
                images={images}
                imageShape={imageShape}
                index={index}
                label={`${rows[row]} ${index + 1}`}
              />
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

function GuessList({ guesses }: { readonly guesses: Guesses }) {
  const { count, images, imageShape, labels, guessed, probabilities } = guesses;
  const classes = status.value.model?.classes ?? [];
  const right = labels.filter((label, index) => label === guessed[index]).length;
  return (
    <section aria-label="Test images">
      <h2>
        Test images{" "}
        <small>
          and what the model takes them for: {right} of {count} right
        </small>
      </h2>
      <ul class="guesses">
        {Array.from({ length: count }, (_, index) => {
          const isRight = labels[index] === guessed[index];
          return (
            <li key={index} class={isRight ? "right" : "wrong"}>
              <Tile
                images={images}
                imageShape={imageShape}
                index={index}
                label={`Test image ${index + 1}: ${classes[labels[index]]}`}
              />
              <span title={percent(probabilities[index])}>
                {isRight
                  ? classes[guessed[index]]
                  : `${classes[guessed[index]]}, not ${classes[labels[index]]}`}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
