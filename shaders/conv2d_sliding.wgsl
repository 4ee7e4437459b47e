// conv2d with stride 1 for CPU adapters, where loads are dear and multiplications nearly free. A thread computes eight
// output channels of `pixels` neighbours in a row. A line of the window slides over the input pixels in its registers,
// so that one pixel more is loaded for each step, and the eight lanes of a subgroup load a weight each and share it.
// With the weights read backwards, and inputs and outputs exchanged, it is the gradient by the input.
// In front: enable subgroups (of eight lanes or more); kernelWidth; wide (8 pixels, else 4);
// fn finish(value: f32, i: u32) -> f32, which element i of the result goes through.

struct Uniforms {
  rows: u32,     // output channels of a group
  channels: u32, // input channels of a group
  groups: u32,
  inputHeight: u32,
  inputWidth: u32,
  outputHeight: u32,
  outputWidth: u32,
  kernelHeight: u32,
  dilationY: u32,
  paddingTop: i32,
  paddingLeft: i32,
  tilesAcross: u32, // a row of output pixels
  tiles: u32,       // all rows of all images
  hasBias: u32,
  weightStart: u32, // where in a channel's window the first line and tap are, and the ways to the next ones
  weightRow: u32,
  weightChannel: u32,
  weightLine: i32,
  weightTap: i32,
}

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(1) @binding(0) var<storage, read> x: array<f32>;
@group(1) @binding(1) var<storage, read> weight: array<f32>;
@group(1) @binding(2) var<storage, read> bias: array<f32>;
@group(1) @binding(3) var<storage, read_write> result: array<f32>;

const pixels = select(4u, 8u, wide);
const rowsAThread = 8u;
const workgroupThreads = 8u;

// A line of input pixels from `start` on, which may begin in the padding.
struct Line {
  start: u32,
  column: u32,
  inside: bool,
}

fn pixel(line: Line, i: u32) -> f32 {
  let inside = line.inside & (line.column + i < uniforms.inputWidth); // left of it, the column is a huge number
  return select(0.0, x[line.start + i], inside);
}

fn fourPixels(line: Line, i: u32) -> vec4f {
  return vec4f(pixel(line, i), pixel(line, i + 1u), pixel(line, i + 2u), pixel(line, i + 3u));
}

@compute @workgroup_size(workgroupThreads)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let blocks = (uniforms.rows + rowsAThread - 1u) / rowsAThread;
  let index = workgroupIndex(workgroup, workgroups);
  let tile = (index / (blocks * uniforms.groups)) * workgroupThreads + local;
  let block = index % (blocks * uniforms.groups);
  let group = block / blocks;
  let row = (block % blocks) * rowsAThread;

  let outputLine = quotient(tile, uniforms.tilesAcross);
  let image = quotient(outputLine, uniforms.outputHeight);
  let y = outputLine - image * uniforms.outputHeight;
  let column = (tile - outputLine * uniforms.tilesAcross) * pixels;

  let ownRow = min(row + lane % rowsAThread, uniforms.rows - 1u);
  let groupWeights = group * uniforms.rows * uniforms.channels * uniforms.kernelHeight * kernelWidth;
  let ownWeights = groupWeights + uniforms.weightStart + ownRow * uniforms.weightRow;

  // Eight rows, each of four pixels at the left and four at the right.
  var l0 = vec4f(); var l1 = vec4f(); var l2 = vec4f(); var l3 = vec4f();
  var l4 = vec4f(); var l5 = vec4f(); var l6 = vec4f(); var l7 = vec4f();
  var r0 = vec4f(); var r1 = vec4f(); var r2 = vec4f(); var r3 = vec4f();
  var r4 = vec4f(); var r5 = vec4f(); var r6 = vec4f(); var r7 = vec4f();
  for (var channel = 0u; channel < uniforms.channels; channel++) {
    let plane = ((image * uniforms.groups + group) * uniforms.channels + channel) * uniforms.inputHeight;
    for (var ky = 0u; ky < uniforms.kernelHeight; ky++) {
      let inputY = y + ky * uniforms.dilationY - u32(uniforms.paddingTop);
      let inputX = column - u32(uniforms.paddingLeft);
      let line = Line((plane + inputY) * uniforms.inputWidth + inputX, inputX, inputY < uniforms.inputHeight);
      let weights = ownWeights + channel * uniforms.weightChannel + ky * u32(uniforms.weightLine);
      var left = fourPixels(line, 0u);
      var right = vec4f();
      if (wide) { right = fourPixels(line, 4u); }
      for (var kx = 0u; kx < kernelWidth; kx++) {
        let own = weight[weights + kx * u32(uniforms.weightTap)];
        let w0 = vec4f(subgroupBroadcast(own, 0u));
        let w1 = vec4f(subgroupBroadcast(own, 1u));
        let w2 = vec4f(subgroupBroadcast(own, 2u));
        let w3 = vec4f(subgroupBroadcast(own, 3u));
        let w4 = vec4f(subgroupBroadcast(own, 4u));
        let w5 = vec4f(subgroupBroadcast(own, 5u));
        let w6 = vec4f(subgroupBroadcast(own, 6u));
        let w7 = vec4f(subgroupBroadcast(own, 7u));
        l0 = fma(w0, left, l0); l1 = fma(w1, left, l1); l2 = fma(w2, left, l2); l3 = fma(w3, left, l3);
        l4 = fma(w4, left, l4); l5 = fma(w5, left, l5); l6 = fma(w6, left, l6); l7 = fma(w7, left, l7);
        let next = pixel(line, pixels + kx);
        if (wide) {
          r0 = fma(w0, right, r0); r1 = fma(w1, right, r1); r2 = fma(w2, right, r2); r3 = fma(w3, right, r3);
          r4 = fma(w4, right, r4); r5 = fma(w5, right, r5); r6 = fma(w6, right, r6); r7 = fma(w7, right, r7);
          left = vec4f(left.yzw, right.x);
          right = vec4f(right.yzw, next);
        } else {
          left = vec4f(left.yzw, next);
        }
      }
    }
  }

  if (tile < uniforms.tiles) {
    store(group, row, image, y, column, l0, r0);
    store(group, row + 1u, image, y, column, l1, r1);
    store(group, row + 2u, image, y, column, l2, r2);
    store(group, row + 3u, image, y, column, l3, r3);
    store(group, row + 4u, image, y, column, l4, r4);
    store(group, row + 5u, image, y, column, l5, r5);
    store(group, row + 6u, image, y, column, l6, r6);
    store(group, row + 7u, image, y, column, l7, r7);
  }
}

fn store(group: u32, row: u32, image: u32, y: u32, column: u32, left: vec4f, right: vec4f) {
  if (row >= uniforms.rows) { return; }
  let channel = group * uniforms.rows + row;
  let line = (image * uniforms.groups * uniforms.rows + channel) * uniforms.outputHeight + y;
  let add = select(0.0, bias[channel], uniforms.hasBias != 0u);
  storeFour(line * uniforms.outputWidth, column, left + add);
  if (wide) { storeFour(line * uniforms.outputWidth, column + 4u, right + add); }
}

fn storeFour(line: u32, column: u32, values: vec4f) {
  let i = line + column;
  if (column < uniforms.outputWidth) { result[i] = finish(values.x, i); }
  if (column + 1u < uniforms.outputWidth) { result[i + 1u] = finish(values.y, i + 1u); }
  if (column + 2u < uniforms.outputWidth) { result[i + 2u] = finish(values.z, i + 2u); }
  if (column + 3u < uniforms.outputWidth) { result[i + 3u] = finish(values.w, i + 3u); }
}
