/** The map of codes: test images as points, and a mark that is dragged, or moved by the arrow keys. */
import { useEffect, useRef } from "preact/hooks";
import type { CodeMap } from "../../../protocol.ts";
import { number } from "../../format.ts";
import { notAGesture } from "../../gesture.ts";
import { classColours } from "../../parts/colours.ts";
import { useRestored } from "../../parts/restored.ts";
import { dark } from "../../state.ts";

const planeSide = 480;

export function Plane(props: {
  readonly map: CodeMap;
  readonly code: Float32Array;
  readonly onCode: (code: Float32Array) => void;
}) {
  const { map, code, onCode } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  /** The finger or pen that drags; another one that comes down meanwhile does nothing. */
  const dragging = useRef<number | undefined>(undefined);
  const isDark = dark.value;
  const restored = useRestored(canvas);
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
  }, [map, isDark, restored, reach]);

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
  function endDrag({ pointerId }: PointerEvent): void {
    if (pointerId === dragging.current) dragging.current = undefined;
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
      onTouchStart={notAGesture}
      onPointerDown={(event) => {
        if (dragging.current !== undefined) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        dragging.current = event.pointerId;
        moveToPointer(event);
      }}
      onPointerMove={(event) => {
        if (event.pointerId === dragging.current) moveToPointer(event);
      }}
      onPointerUp={endDrag}
      onPointerCancel={endDrag}
    >
      <canvas ref={canvas} width={planeSide} height={planeSide} />
      <span class="mark" style={{ left: percentOf(place.x), top: percentOf(-place.y) }} />
    </div>
  );
}
