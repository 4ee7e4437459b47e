/** Small images side by side on one canvas, pixel by pixel. */
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { dark } from "../state.ts";
import { ramp, type Tone } from "./colours.ts";
import { useRestored } from "./restored.ts";

/** Between images, in the canvas's pixels. */
const gap = 1;

export interface TilesProps {
  /** [count, C, H, W]; of several channels the first is shown. */
  readonly images: Float32Array;
  readonly imageShape: readonly number[];
  readonly count: number;
  readonly columns: number;
  /** For those who do not see it. */
  readonly label: string;
  readonly tone?: Tone;
  /** What counts as full ink, or as ±1. Default 1. */
  readonly scale?: number;
  /** So many of the canvas's pixels for one of an image, both ways. Default 1. */
  readonly zoom?: number;
}

export function Tiles({
  images,
  imageShape,
  count,
  columns,
  label,
  tone = "ink",
  scale = 1,
  zoom = 1,
}: TilesProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [channels, height, width] = imageShape;
  const [cellWidth, cellHeight] = [zoom * width + gap, zoom * height + gap];
  const rows = Math.ceil(count / columns);
  const [canvasWidth, canvasHeight] = [columns * cellWidth - gap, rows * cellHeight - gap];
  const isDark = dark.value;
  const restored = useRestored(canvas);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || canvasWidth < 1 || canvasHeight < 1) return;
    const picture = context.createImageData(canvasWidth, canvasHeight);
    const colours = ramp(tone, isDark);
    for (let image = 0; image < count; image++) {
      const left = (image % columns) * cellWidth;
      const top = Math.floor(image / columns) * cellHeight;
      const start = image * channels * height * width;
      for (let y = 0; y < zoom * height; y++) {
        for (let x = 0; x < zoom * width; x++) {
          const value = images[start + Math.floor(y / zoom) * width + Math.floor(x / zoom)] / scale;
          const step = tone === "ink" ? 255 * value : 127.5 + 127.5 * value;
          const colour = 3 * Math.min(255, Math.max(0, Math.round(step)));
          const pixel = 4 * ((top + y) * canvasWidth + left + x);
          picture.data[pixel] = colours[colour];
          picture.data[pixel + 1] = colours[colour + 1];
          picture.data[pixel + 2] = colours[colour + 2];
          picture.data[pixel + 3] = 255;
        }
      }
    }
    context.putImageData(picture, 0, 0);
  }, [
    images,
    count,
    columns,
    channels,
    height,
    width,
    zoom,
    cellWidth,
    cellHeight,
    scale,
    tone,
    isDark,
    restored,
    canvasWidth,
    canvasHeight,
  ]);
  return (
    <canvas
      ref={canvas}
      class="tiles"
      role="img"
      aria-label={label}
      width={Math.max(1, canvasWidth)}
      height={Math.max(1, canvasHeight)}
    />
  );
}

/** The image at `index` of several. */
export function Tile({
  images,
  index,
  ...rest
}: Omit<TilesProps, "count" | "columns"> & { readonly index: number }) {
  const size = rest.imageShape.reduce((a, b) => a * b, 1);
  // the same view as long as it shows the same, or it would be painted anew with every message of the worker
  const own = useMemo(() => images.subarray(index * size, (index + 1) * size), [images, index, size]);
  return <Tiles {...rest} images={own} count={1} columns={1} />;
}

/** The largest absolute value, so that colours are used fully. */
export function reachOf(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
}
