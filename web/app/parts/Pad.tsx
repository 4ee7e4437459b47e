/**
 * A pad to draw on with mouse, pen or finger, or by keyboard: the arrows move a pen, the space bar lowers and lifts it,
 * Delete wipes all away.
 */
import { useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from "preact/hooks";
import { notAGesture } from "../gesture.ts";
import { dark } from "../state.ts";
import { useRestored } from "./restored.ts";

/** Of the pad's own pixels; it is shown larger or smaller. */
export const padSide = 280;
const penWidth = 22;
const keyboardStep = 8;

export interface PadHandle {
  clear(): void;
}

export function Pad(props: {
  readonly handle: { current: PadHandle | null };
  /** [280, 280], each value in [0, 1]: after every stroke of the pen. */
  readonly onInk: (ink: Float32Array) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [pen, setPen] = useState({ x: padSide / 2, y: padSide / 4, isDown: false, isShown: false });
  /** Where the finger or pen that draws is; another one that comes down meanwhile does nothing. */
  const last = useRef<{ x: number; y: number; pointer: number } | undefined>(undefined);
  /** All that is drawn. */
  const drawn = useRef<ImageData | undefined>(undefined);
  const frame = useRef(0);
  const isDark = dark.value;
  const restored = useRestored(canvas);

  const context = () => canvas.current!.getContext("2d", { willReadFrequently: true })!;
  function tell(): void {
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(() => {
      drawn.current = context().getImageData(0, 0, padSide, padSide);
      const { data } = drawn.current;
      props.onInk(Float32Array.from({ length: padSide * padSide }, (_, pixel) => data[4 * pixel + 3] / 255));
    });
  }
  function line(from: { x: number; y: number }, to: { x: number; y: number }): void {
    const target = context();
    target.lineWidth = penWidth;
    target.lineCap = "round";
    target.lineJoin = "round";
    target.strokeStyle = isDark ? "#f4f1e8" : "#162028";
    target.beginPath();
    target.moveTo(from.x, from.y);
    target.lineTo(to.x + 0.01, to.y);
    target.stroke();
    tell();
  }
  function clear(): void {
    context().clearRect(0, 0, padSide, padSide);
    tell();
  }
  useImperativeHandle(props.handle, () => ({ clear }));
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  useLayoutEffect(() => {
    if (drawn.current) context().putImageData(drawn.current, 0, 0);
  }, [restored]);

  // What is drawn already takes the ink of the other theme.
  useLayoutEffect(() => {
    const target = context();
    target.globalCompositeOperation = "source-in";
    target.fillStyle = isDark ? "#f4f1e8" : "#162028";
    target.fillRect(0, 0, padSide, padSide);
    target.globalCompositeOperation = "source-over";
  }, [isDark]);

  function placeOf(event: PointerEvent): { x: number; y: number } {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect();
    return {
      x: ((event.clientX - left) / width) * padSide,
      y: ((event.clientY - top) / height) * padSide,
    };
  }

  function lift({ pointerId }: PointerEvent): void {
    if (pointerId === last.current?.pointer) last.current = undefined;
  }

  function onKeyDown(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const move = moves[event.key];
    if (move) {
      const within = (value: number) => Math.min(padSide - 12, Math.max(12, value));
      const next = { x: within(pen.x + keyboardStep * move[0]), y: within(pen.y + keyboardStep * move[1]) };
      if (pen.isDown) line(pen, next);
      setPen({ ...pen, ...next, isShown: true });
    } else if (event.key === " ") {
      if (!pen.isDown) line(pen, pen);
      setPen({ ...pen, isDown: !pen.isDown, isShown: true });
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
    } else {
      return;
    }
    event.preventDefault();
  }

  return (
    <div class="pad">
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: its keys are the pad's own */}
      <canvas
        ref={canvas}
        width={padSide}
        height={padSide}
        tabIndex={0}
        role="application"
        aria-label="Drawing pad"
        aria-describedby="pad-help"
        onKeyDown={onKeyDown}
        onBlur={() => setPen({ ...pen, isDown: false, isShown: false })}
        onTouchStart={notAGesture}
        onPointerDown={(event) => {
          if (event.button !== 0 || last.current) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          last.current = { ...placeOf(event), pointer: event.pointerId };
          line(last.current, last.current);
        }}
        onPointerMove={(event) => {
          if (event.pointerId !== last.current?.pointer) return;
          const passed = event.getCoalescedEvents?.() ?? [];
          for (const step of passed.length > 0 ? passed : [event]) {
            const next = { ...placeOf(step), pointer: event.pointerId };
            line(last.current, next);
            last.current = next;
          }
        }}
        onPointerUp={lift}
        onPointerCancel={lift}
      />
      {pen.isShown && (
        <span
          class={pen.isDown ? "pen down" : "pen"}
          aria-hidden="true"
          style={{ left: `${(100 * pen.x) / padSide}%`, top: `${(100 * pen.y) / padSide}%` }}
        />
      )}
    </div>
  );
}
