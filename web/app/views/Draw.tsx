/** Drawing a digit, which the model reads and redraws as it grows. */
import { useMemo, useRef, useState } from "preact/hooks";
import type { Reading } from "../../protocol.ts";
import { titleOf } from "../choice.ts";
import { percent } from "../format.ts";
import { latestOnly } from "../latest.ts";
import { mnistForm } from "../mnistForm.ts";
import { Diverged, NoModel } from "../parts/NoModel.tsx";
import { Pad, type PadHandle, padSide } from "../parts/Pad.tsx";
import { Tiles } from "../parts/Tiles.tsx";
import { request, status } from "../state.ts";

const imageShape = [1, 28, 28];

export function Draw() {
  const pad = useRef<PadHandle>(null);
  const [image, setImage] = useState<Float32Array | undefined>(undefined);
  const [reading, setReading] = useState<Reading | undefined>(undefined);
  const read = useMemo(
    () =>
      latestOnly(async (drawn: Float32Array | undefined) => {
        setReading(drawn && (await request("read", drawn)));
      }),
    [],
  );
  const { model, choice, phase } = status.value;
  if (!model || !choice) {
    return (
      <NoModel
        title="Draw a digit"
        text="A model reads it while you draw. There is none yet: train one first."
      />
    );
  }
  if (phase === "diverged") return <Diverged />;
  const onInk = (ink: Float32Array) => {
    const drawn = mnistForm(ink, padSide);
    setImage(drawn);
    read(drawn);
  };
  return (
    <div class="draw">
      <section aria-labelledby="pad-title">
        <h1 id="pad-title">Draw a digit</h1>
        <Pad handle={pad} onInk={onInk} />
        <div class="actions">
          <button type="button" onClick={() => pad.current?.clear()}>
            Clear
          </button>
        </div>
        <p class="note" id="pad-help">
          With mouse, pen or finger; or by keyboard: arrows move the pen, the space bar lowers and lifts it,
          Delete clears.
        </p>
      </section>
      <section aria-labelledby="reading">
        <h2 id="reading">
          What the model makes of it <small>{titleOf(choice.model)}</small>
        </h2>
        <div class="seen">
          <figure>
            <Tiles
              images={image ?? blank}
              imageShape={imageShape}
              count={1}
              columns={1}
              label="Your drawing, as the model sees it"
            />
            <figcaption>as it sees it</figcaption>
          </figure>
          {model.reconstructs && (
            <figure>
              <Tiles
                images={reading?.reconstruction ?? blank}
                imageShape={imageShape}
                count={1}
                columns={1}
                label="What the model draws from it"
              />
              <figcaption>as it draws it</figcaption>
            </figure>
          )}
        </div>
        {model.classifies && <Bars classes={model.classes} probabilities={reading?.probabilities} />}
        {!model.classifies && (
          <p class="note">This model only redraws. LeNet-5 and AlexNet-28 say which digit it is.</p>
        )}
      </section>
    </div>
  );
}

const blank = new Float32Array(28 * 28);

function Bars(props: {
  readonly classes: readonly string[];
  readonly probabilities: Float32Array | undefined;
}) {
  const { classes, probabilities } = props;
  const best = probabilities?.reduce((most, value, index) => (value > probabilities[most] ? index : most), 0);
  return (
    <>
      <p class="verdict" role="status" aria-label="Verdict">
        {probabilities && best !== undefined ? (
          <>
            <strong>{classes[best]}</strong> <span>{percent(probabilities[best])} sure</span>
          </>
        ) : (
          <span>Nothing drawn yet</span>
        )}
      </p>
      <ul class="bars" aria-label="Probabilities">
        {classes.map((name, index) => {
          const probability = probabilities?.[index] ?? 0;
          return (
            <li key={name} class={index === best ? "best" : undefined}>
              <span>{name}</span>
              <span class="bar" aria-hidden="true">
                <span style={{ width: `${100 * probability}%` }} />
              </span>
              <span>{probabilities ? percent(probability) : ""}</span>
            </li>
          );
        })}
      </ul>
    </>
  );
}
