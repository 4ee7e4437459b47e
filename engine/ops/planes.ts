/** How kernels see a tensor [N, C, …]: as N · C planes, in vectors of four where the size of a plane allows it. */
import { type Shape, sizeOf } from "../shape.ts";

export interface Planes {
  readonly images: number;
  readonly channels: number;
  /** How many numbers an element is. */
  readonly width: 1 | 4;
  /** Elements of a plane. */
  readonly inner: number;
  /** WGSL: alias Element. */
  readonly element: string;
}

export function planesOf([images, channels, ...plane]: Shape): Planes {
  const size = sizeOf(plane);
  const width = size % 4 === 0 ? 4 : 1;
  const element = `alias Element = ${width === 4 ? "vec4f" : "f32"};`;
  return { images, channels, width, inner: size / width, element };
}

/** For pool.wgsl: whether [N, C, H, W] has more planes than its `quotient` can count. */
export function planeConstants([images, channels]: Shape) {
  return { manyPlanes: images * channels >= 2 ** 22 };
}
