/** Choosing, training, watching, keeping. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Choice, DataName, Guesses, LabelledImages, LivePicture } from "../../protocol.ts";
import {
  codeSizeOf,
  codeSizes,
  dataTitles,
  offers,
  rates,
  standardChoice,
  standardCodeSize,
  titleOf,
} from "../choice.ts";
import { fetchData, saveCheckpoint, takeFiles } from "../files.ts";
import { bytes, number, percent, whole } from "../format.ts";
import { Curve } from "../parts/Curve.tsx";
import { Field } from "../parts/Field.tsx";
import { Tile, Tiles } from "../parts/Tiles.tsx";
import {
  choice,
  compiling,
  curve,
  epochs,
  loss,
  pictures,
  request,
  saved,
  speed,
  status,
  stored,
} from "../state.ts";

export function Train() {
  return (
    <div class="train">
      <h1 class="hidden">Train</h1>
      <div class="side">
        <Setup />
        <Keep />
      </div>
      <div class="live">
        <Live />
      </div>
    </div>
  );
}

function change(changes: Partial<Choice>): void {
  choice.value = { ...choice.value, ...changes };
}

function Setup() {
  const { model, data, epochs: epochCount, batchSize } = choice.value;
  const { phase, choice: running } = status.value;
  const isBusy = phase === "training" || phase === "preparing";
  const codeSize = codeSizeOf(choice.value);
  return (
    <section aria-labelledby="setup">
      <h2 id="setup">Setup</h2>
      <fieldset disabled={isBusy}>
        <legend class="hidden">What to train</legend>
        <Field label="Model" note={offers.get(model)?.about}>
          <select
            value={model}
            onChange={({ currentTarget }) => {
              const { data, seed } = choice.value;
              choice.value = { ...standardChoice(currentTarget.value), data, seed };
            }}
          >
            {[...new Set([...offers.keys(), model])].map((name) => (
              <option key={name} value={name}>
                {titleOf(name)}
              </option>
            ))}
          </select>
        </Field>
        <Field
          label="Data"
          note={data === "digits" ? "6,000 drawn on the spot, 1,000 more to test on" : undefined}
        >
          <select
            value={data}
            onChange={({ currentTarget }) => change({ data: currentTarget.value as DataName })}
          >
            {Object.entries(dataTitles).map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </Field>
        {!stored.value.includes(data) && <BringData name={data} />}
        <div class="pair">
          <Count label="Epochs" value={epochCount} most={999} onChange={(epochs) => change({ epochs })} />
          <Count
            label="Batch"
            value={batchSize}
            most={1024}
            onChange={(batchSize) => change({ batchSize })}
          />
          {codeSize !== undefined && (
            <Field label="Code size">
              <select
                value={codeSize}
                onChange={({ currentTarget }) => {
                  const codeSize = Number(currentTarget.value);
                  const isStandard = codeSize === standardCodeSize(model);
                  const { codeSize: _, ...others } = choice.value.settings;
                  change({ settings: isStandard ? others : { ...others, codeSize } });
                }}
              >
                {[...new Set([...codeSizes, codeSize])]
                  .sort((a, b) => a - b)
                  .map((size) => (
                    <option key={size} value={size}>
                      {size}
                    </option>
                  ))}
              </select>
            </Field>
          )}
        </div>
      </fieldset>
      <Rate />
      <Actions isReady={stored.value.includes(data)} isSame={isSame(choice.value, running)} />
    </section>
  );
}

/** Whether going on trains what is chosen. */
function isSame(chosen: Choice, running: Choice | undefined): boolean {
  if (!running) return false;
  const { model, data, epochs, batchSize } = chosen;
  return (
    running.model === model &&
    running.data === data &&
    running.epochs === epochs &&
    running.batchSize === batchSize &&
    codeSizeOf(running) === codeSizeOf(chosen)
  );
}

function Count(props: {
  readonly label: string;
  readonly value: number;
  readonly most: number;
  readonly onChange: (value: number) => void;
}) {
  return (
    <Field label={props.label}>
      <input
        type="number"
        min={1}
        max={props.most}
        value={props.value}
        onChange={({ currentTarget }) => {
          const value = Math.round(currentTarget.valueAsNumber);
          if (value >= 1 && value <= props.most) props.onChange(value);
          else currentTarget.value = `${props.value}`;
        }}
      />
    </Field>
  );
}

/** On a slider of powers of ten; a training under way takes it at once. */
function Rate() {
  const { learningRate } = choice.value;
  const { phase } = status.value;
  const settle = (rate: number) => {
    if (phase === "training" || phase === "halted") void request("setLearningRate", rate);
  };
  return (
    <Field label="Learning rate" value={number(learningRate)}>
      <input
        type="range"
        min={Math.log10(rates.least)}
        max={Math.log10(rates.most)}
        step={0.05}
        value={Math.log10(learningRate)}
        aria-valuetext={number(learningRate)}
        disabled={phase === "preparing"}
        onInput={({ currentTarget }) =>
          change({ learningRate: Number((10 ** currentTarget.valueAsNumber).toPrecision(2)) })
        }
        onChange={() => settle(choice.value.learningRate)}
      />
    </Field>
  );
}

function Actions({ isReady, isSame }: { readonly isReady: boolean; readonly isSame: boolean }) {
  const { phase } = status.value;
  const start = async () => {
    curve.clear();
    epochs.value = [];
    pictures.value = [];
    loss.value = undefined;
    await request("start", choice.value);
  };
  if (phase === "training") {
    return (
      <div class="actions">
        <button type="button" class="primary" onClick={() => request("pause")}>
          Pause
        </button>
        <button type="button" onClick={() => request("stop")}>
          Stop
        </button>
      </div>
    );
  }
  if (phase === "halted" && isSame) {
    return (
      <div class="actions">
        <button type="button" class="primary" onClick={() => request("goOn")}>
          Go on
        </button>
        <button type="button" onClick={() => request("stop")}>
          Stop
        </button>
        <button type="button" onClick={start}>
          Start anew
        </button>
      </div>
    );
  }
  return (
    <div class="actions">
      <button type="button" class="primary" disabled={phase === "preparing" || !isReady} onClick={start}>
        Start
      </button>
    </div>
  );
}

function BringData({ name }: { readonly name: DataName }) {
  const [address, setAddress] = useState(`./${name}/`);
  const [isBusy, setBusy] = useState(false);
  return (
    <div class="bring">
      <p>
        {dataTitles[name]} is four files, <code>train-images-idx3-ubyte.gz</code> and its like. Drop them
        anywhere on this page, or
      </p>
      <FileButton label="Choose the four files" multiple />
      <Field label="or a folder on this page’s host">
        <input
          type="text"
          value={address}
          spellcheck={false}
          onInput={({ currentTarget }) => setAddress(currentTarget.value)}
        />
      </Field>
      <button
        type="button"
        disabled={isBusy}
        onClick={async () => {
          setBusy(true);
          await fetchData(name, address);
          setBusy(false);
        }}
      >
        Fetch
      </button>
    </div>
  );
}

function FileButton(props: {
  readonly label: string;
  readonly title?: string;
  readonly multiple?: boolean;
  readonly accept?: string;
  readonly disabled?: boolean;
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" disabled={props.disabled} onClick={() => input.current?.click()}>
        {props.label}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label={props.title ?? props.label}
        multiple={props.multiple ?? false}
        accept={props.accept}
        onChange={async ({ currentTarget }) => {
          await takeFiles([...(currentTarget.files ?? [])]);
          currentTarget.value = "";
        }}
      />
    </>
  );
}

function Keep() {
  const { phase, model } = status.value;
  const isBusy = phase === "preparing";
  const last = saved.value;
  return (
    <section aria-labelledby="keep">
      <h2 id="keep">Checkpoint</h2>
      <div class="actions">
        <button type="button" disabled={!model || isBusy} onClick={saveCheckpoint}>
          Save
        </button>
        <FileButton
          label="Open"
          title="Open a checkpoint"
          accept=".safetensors"
          disabled={phase === "training" || isBusy}
        />
      </div>
      <p class="note">
        A safetensors file that <code>wgrad train --resume</code> goes on from, and the other way round.
        {last &&
          ` Saved in this browser at step ${whole(last.stepsDone)}, ${new Date(last.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}.`}
      </p>
    </section>
  );
}

const previewed = 48;

function Live() {
  const { phase, model, doing } = status.value;
  if (!model) {
    return phase === "preparing" ? <Waiting text={doing ?? "Preparing"} /> : <Invitation />;
  }
  return (
    <>
      <Figures />
      {phase === "preparing" && <Waiting text={doing ?? "Preparing"} />}
      {compiling.value !== undefined && <Waiting text={compilingText(compiling.value)} />}
      <section aria-labelledby="curve">
        <h2 id="curve">
          Loss <small>{model.lossName}, each step; dashed: test images, each epoch</small>
        </h2>
        <Curve lossName={model.lossName} />
      </section>
      {pictures.value.map((picture) => (
        <Picture key={picture.type === "images" ? picture.name : picture.type} picture={picture} />
      ))}
      <EpochTable />
    </>
  );
}

function compilingText(kernels: number): string {
  return kernels > 0 ? `Compiling kernels for this adapter: ${kernels} so far` : "Preparing the first step";
}

function Waiting({ text }: { readonly text: string }) {
  return (
    <div class="waiting" role="status">
      <p>{text}</p>
      <progress aria-label={text} />
    </div>
  );
}

/** What it is about, and what there is to learn from. */
function Invitation() {
  const [images, setImages] = useState<LabelledImages | undefined>(undefined);
  const { data, seed } = choice.value;
  const isThere = stored.value.includes(data);
  useEffect(() => {
    if (isThere) void request("preview", data, seed, previewed).then(setImages);
    else setImages(undefined);
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

function Figures() {
  const { stepsDone, steps, stepsAnEpoch, phase, model, choice: running } = status.value;
  const epoch = Math.min(
    Math.floor(stepsDone / Math.max(1, stepsAnEpoch)) + 1,
    steps / Math.max(1, stepsAnEpoch),
  );
  const state = {
    none: "",
    preparing: "Preparing",
    training: "Training",
    halted: "Paused",
    ended: "Ended",
  }[phase];
  return (
    <section class="figures" aria-label="Figures">
      <p class="what">
        <span class={`state ${phase}`}>{state}</span>
        {running &&
          `${titleOf(running.model)} on ${dataTitles[running.data].toLowerCase().replace("mnist", "MNIST")}`}
        {model && `, ${whole(model.parameters)} parameters`}
      </p>
      <dl>
        <Figure name="Loss" value={loss.value === undefined ? "–" : number(loss.value)} />
        <Figure
          name="Images a second"
          value={phase === "training" && speed.value ? whole(speed.value.imagesPerSecond) : "–"}
        />
        <Figure name="On the GPU" value={speed.value ? bytes(speed.value.bytes) : "–"} />
        <Figure name="Epoch" value={`${epoch} of ${stepsAnEpoch ? steps / stepsAnEpoch : 0}`} />
      </dl>
      <progress
        max={Math.max(1, steps)}
        value={stepsDone}
        aria-label="Progress of the training"
        title={`${whole(stepsDone)} of ${whole(steps)} steps`}
      />
    </section>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const titles: Readonly<Record<string, string>> = {
  reconstructions: "Reconstructions",
  samples: "New images",
};

function Picture({ picture }: { readonly picture: LivePicture }) {
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

const shownMetrics: Readonly<Record<string, string>> = {
  loss: "Test loss",
  accuracy: "Accuracy",
  mse: "MSE",
  psnr: "PSNR",
  ssim: "SSIM",
  negativeElbo: "−ELBO",
  kl: "KL",
};

function EpochTable() {
  const rows = epochs.value;
  if (rows.length === 0) return null;
  const names = Object.keys(shownMetrics).filter((name) => rows.some(({ test }) => name in test));
  return (
    <section aria-labelledby="epochs">
      <h2 id="epochs">Epochs</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Figures of the epochs">
        <table class="numbers">
          <thead>
            <tr>
              <th scope="col">Epoch</th>
              <th scope="col">Training loss</th>
              {names.map((name) => (
                <th scope="col" key={name}>
                  {shownMetrics[name]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ epoch, trainLoss, test }) => (
              <tr key={epoch}>
                <th scope="row">{epoch}</th>
                <td>{number(trainLoss)}</td>
                {names.map((name) => (
                  <td key={name}>
                    {name === "accuracy"
                      ? percent(test[name])
                      : `${number(test[name])}${name === "psnr" ? " dB" : ""}`}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
