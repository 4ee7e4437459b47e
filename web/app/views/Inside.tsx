/** What a model has learnt: filters, activations, codes, mistakes. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Activation, CodeMap, Confusion, Filters, LabelledImages } from "../../protocol.ts";
import { dataTitles, titleOf } from "../choice.ts";
import { number, percent, whole } from "../format.ts";
import { latestOnly } from "../latest.ts";
import { classColours } from "../parts/colours.ts";
import { NoModel } from "../parts/NoModel.tsx";
import { Tile, Tiles } from "../parts/Tiles.tsx";
import { dark, epochs, narrow, request, status } from "../state.ts";

const offered = 24;

export function Inside() {
  const { model, choice, phase, stepsDone } = status.value;
  const [asked, setAsked] = useState(0);
  const [images, setImages] = useState<LabelledImages | undefined>(undefined);
  const [chosen, setChosen] = useState(0);
  // Looked at anew when a training halts or ends, after each epoch, and when somebody asks.
  const moment = `${choice?.model} ${choice?.data} ${phase === "training" ? epochs.value.length : `${phase} ${stepsDone}`} ${asked}`;
  const isThere = model !== undefined && phase !== "preparing";

  useEffect(() => {
    if (!isThere) return;
    void request("testImages", 0, offered).then((found) => setImages(found));
  }, [isThere, choice?.data, choice?.seed]);

  if (!model || !choice) {
    return (
      <NoModel
        title="Look inside a model"
        text="Its filters, what every layer makes of an image, its codes and its mistakes. There is no model yet: train one first."
      />
    );
  }
  if (!isThere || !images) return <p role="status">Looking</p>;
  return (
    <div class="inside">
      <div class="title">
        <h1>{titleOf(choice.model)}</h1>
        <p class="note">
          after {whole(stepsDone)} steps on {dataTitles[choice.data]}
        </p>
        <button type="button" onClick={() => setAsked(asked + 1)}>
          Look again
        </button>
      </div>
      {model.codeSize !== undefined && <Codes moment={moment} images={images} />}
      {model.classifies && <Mistakes moment={moment} />}
      <FirstFilters moment={moment} />
      <section aria-labelledby="layers">
        <h2 id="layers">
          Activations <small>of every layer, for the image you choose</small>
        </h2>
        <Picker images={images} chosen={chosen} label="Image to look at" onChoose={setChosen} />
        <Layers moment={moment} image={imageAt(images, chosen)} imageShape={images.imageShape} />
      </section>
    </div>
  );
}

function imageAt({ images, imageShape }: LabelledImages, index: number): Float32Array {
  const size = imageShape.reduce((a, b) => a * b, 1);
  return images.slice(index * size, (index + 1) * size);
}

/** Test images, of which one is chosen: a group of radio buttons. */
function Picker(props: {
  readonly images: LabelledImages;
  readonly chosen: number;
  readonly label: string;
  readonly onChoose: (index: number) => void;
}) {
  const { images, chosen, label, onChoose } = props;
  const classes = status.value.model?.classes ?? [];
  const [name] = useState(() => `picker-${Math.random().toString(36).slice(2)}`);
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

/** The largest absolute value, so that colours are used fully. */
function reachOf(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
}

function FirstFilters({ moment }: { readonly moment: string }) {
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

function Layers(props: {
  readonly moment: string;
  readonly image: Float32Array;
  readonly imageShape: readonly number[];
}) {
  const { moment, image, imageShape } = props;
  const [layers, setLayers] = useState<readonly Activation[]>([]);
  useEffect(() => {
    void request("activations", image).then((found) => setLayers(found ?? []));
  }, [moment, image.join()]);
  return (
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
          <LayerPicture activation={activation} imageShape={imageShape} />
        </li>
      ))}
    </ol>
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

// Codes -------------------------------------------------------------------------------------------------------------

function Codes({ moment, images }: { readonly moment: string; readonly images: LabelledImages }) {
  const [map, setMap] = useState<CodeMap | undefined>(undefined);
  const [code, setCode] = useState<Float32Array | undefined>(undefined);
  const [decoded, setDecoded] = useState<Float32Array | undefined>(undefined);
  const decode = useMemo(
    () => latestOnly(async (wanted: Float32Array) => setDecoded(await request("decode", wanted))),
    [],
  );
  const take = (next: Float32Array) => {
    setCode(next);
    decode(next);
  };
  useEffect(() => {
    void request("codeMap").then((found) => {
      setMap(found);
      if (found) take(code?.length === found.codeSize ? code : found.centre);
    });
  }, [moment]);
  if (!map || !code) return <p role="status">Encoding test images</p>;
  return (
    <>
      <section aria-labelledby="codes">
        <h2 id="codes">
          Codes{" "}
          <small>
            {map.codeSize === 2
              ? "of test images; drag, and the model draws what is there"
              : `of test images, seen along the two directions in which their ${map.codeSize} numbers differ most; drag, and the model draws what is there`}
          </small>
        </h2>
        <div class="codes">
          <Plane map={map} code={code} onCode={take} />
          <figure class="decoded">
            {decoded && (
              <Tiles
                images={decoded}
                imageShape={images.imageShape}
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
          <summary>A slider for each of the {map.codeSize} numbers</summary>
          <Sliders map={map} code={code} onCode={take} />
        </details>
      </section>
      <Interpolation moment={moment} images={images} />
    </>
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

const planeSide = 480;

/** Test images as points, and a mark that is dragged, or moved by the arrow keys. */
function Plane(props: {
  readonly map: CodeMap;
  readonly code: Float32Array;
  readonly onCode: (code: Float32Array) => void;
}) {
  const { map, code, onCode } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const isDragging = useRef(false);
  const isDark = dark.value;
  const along = (direction: Float32Array) =>
    direction.reduce((sum, value, i) => sum + value * (code[i] - map.centre[i]), 0);
  const place = { x: along(map.right), y: along(map.up) };
  const reach = 1.05 * map.reach;

  useEffect(() => {
    const context = canvas.current!.getContext("2d")!;
    const colours = classColours[isDark ? "dark" : "light"];
    context.clearRect(0, 0, planeSide, planeSide);
    context.globalAlpha = 0.75;
    for (let image = 0; image < map.labels.length; image++) {
      context.fillStyle = colours[map.labels[image] % colours.length];
      context.beginPath();
      const x = (0.5 + map.places[2 * image] / reach / 2) * planeSide;
      const y = (0.5 - map.places[2 * image + 1] / reach / 2) * planeSide;
      context.arc(x, y, 3, 0, 2 * Math.PI);
      context.fill();
    }
  }, [map, isDark, reach]);

  /** What is off the plane stays as it is. */
  function moveTo(x: number, y: number): void {
    const within = (value: number) => Math.min(reach, Math.max(-reach, value));
    const [dx, dy] = [within(x) - place.x, within(y) - place.y];
    onCode(code.map((value, i) => value + dx * map.right[i] + dy * map.up[i]));
  }
  function moveToPointer(event: PointerEvent): void {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect();
    moveTo(
      (2 * ((event.clientX - left) / width) - 1) * reach,
      (1 - 2 * ((event.clientY - top) / height)) * reach,
    );
  }
  function onKeyDown(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    moveTo(place.x + (move[0] * reach) / 20, place.y + (move[1] * reach) / 20);
  }
  const percentOf = (value: number) => `${Math.min(100, Math.max(0, 50 + (50 * value) / reach))}%`;
  return (
    <div
      class="plane"
      role="slider"
      tabIndex={0}
      aria-label="Place on the map of codes"
      aria-valuemin={-reach}
      aria-valuemax={reach}
      aria-valuenow={place.x}
      aria-valuetext={`${number(place.x)} to the right, ${number(place.y)} up`}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        isDragging.current = true;
        moveToPointer(event);
      }}
      onPointerMove={(event) => {
        if (isDragging.current) moveToPointer(event);
      }}
      onPointerUp={() => {
        isDragging.current = false;
      }}
      onPointerCancel={() => {
        isDragging.current = false;
      }}
    >
      <canvas ref={canvas} width={planeSide} height={planeSide} />
      <span class="mark" style={{ left: percentOf(place.x), top: percentOf(-place.y) }} />
    </div>
  );
}

function Sliders(props: {
  readonly map: CodeMap;
  readonly code: Float32Array;
  readonly onCode: (code: Float32Array) => void;
}) {
  const { map, code, onCode } = props;
  return (
    <div class="sliders">
      {Array.from(code, (value, index) => (
        <label key={index}>
          <span>
            {index + 1} <output>{value.toFixed(2)}</output>
          </span>
          <input
            type="range"
            min={Math.min(map.ranges[2 * index], value)}
            max={Math.max(map.ranges[2 * index + 1], value)}
            step="any"
            value={value}
            aria-label={`Number ${index + 1} of the code`}
            aria-valuetext={value.toFixed(2)}
            onInput={({ currentTarget }) => onCode(code.with(index, currentTarget.valueAsNumber))}
          />
        </label>
      ))}
    </div>
  );
}

const interpolationSteps = 11;

function Interpolation({ moment, images }: { readonly moment: string; readonly images: LabelledImages }) {
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

// Mistakes ----------------------------------------------------------------------------------------------------------

const shownInCell = 40;

function Mistakes({ moment }: { readonly moment: string }) {
  const [matrix, setMatrix] = useState<Confusion | undefined>(undefined);
  const [cell, setCell] = useState<{ row: number; column: number } | undefined>(undefined);
  const [images, setImages] = useState<LabelledImages | undefined>(undefined);
  useEffect(() => {
    void request("confusion").then((found) => setMatrix(found));
  }, [moment]);
  useEffect(() => {
    if (!matrix || !cell) return;
    void request("confused", cell.row, cell.column, shownInCell).then((found) => setImages(found));
  }, [matrix, cell]);
  if (!matrix) return <p role="status">Classifying all test images</p>;
  const { counts, classes, accuracy } = matrix;
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const count = classes.length;
  return (
    <section class="wide" aria-labelledby="mistakes">
      <h2 id="mistakes">
        What is taken for what{" "}
        <small>{percent(accuracy)} of the test images are right; choose a cell to see its images</small>
      </h2>
      <div class="mistakes">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <section class="scroll" tabIndex={0} aria-label="Confusion matrix">
          <table class="matrix">
            <thead>
              <tr>
                <td class="corner">is ↓ taken for →</td>
                {classes.map((name) => (
                  <th scope="col" key={name}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {classes.map((name, row) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  {classes.map((other, column) => {
                    const value = counts[row * count + column];
                    const share = value / most;
                    const isChosen = cell?.row === row && cell.column === column;
                    return (
                      <td key={other}>
                        {value > 0 && (
                          <button
                            type="button"
                            class={`${row === column ? "right" : "wrong"} ${share > 0.45 ? "full" : ""}`}
                            style={{ "--share": `${Math.round(100 * Math.sqrt(share))}%` }}
                            aria-pressed={isChosen}
                            aria-label={`${value} of ${name} taken for ${other}`}
                            onClick={() => setCell({ row, column })}
                          >
                            {value}
                          </button>
                        )}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <div class="cell" role="status" aria-label="Images of the cell">
          {cell && images ? (
            <>
              <p>
                {classes[cell.row]} taken for {classes[cell.column]}
                {images.count === shownInCell && `, the first ${shownInCell}`}
              </p>
              <ul class="columns">
                {Array.from({ length: images.count }, (_, index) => (
                  <li key={index}>
                    <Tile
                      images={images.images}
                      imageShape={images.imageShape}
                      index={index}
                      label={`Test image: ${classes[cell.row]}, taken for ${classes[cell.column]}`}
                    />
                  </li>
                ))}
              </ul>
            </>
          ) : (
            <p class="note">No cell is chosen.</p>
          )}
        </div>
      </div>
    </section>
  );
}
