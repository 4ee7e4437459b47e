// conv2d with stride 1 for CPU adapters, where loads are dear and multiplications nearly free. A thread computes eight or
// sixteen output channels of `pixels` neighbours in a row. For a line of the window it loads the input pixels once, the
// eight lanes of a subgroup load the weights of a channel or two each and share them, and all taps are multiplied in one
// turn of the loop: what a loop changes is stored and masked in every turn, and no compiler here unrolls one.
// With the weights read backwards, and inputs and outputs exchanged, it is the gradient by the input.
// In front: enable subgroups (of eight lanes or more); kernelWidth, at most 5; wide (8 pixels, else 4); tall (16 channels,
// else 8); fn finish(value: f32, i: u32) -> f32, which element i of the result goes through; conv2d_line.wgsl;
// of_eight.wgsl.

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

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

const pixels = select(4u, 8u, wide);
const rowsAThread = select(8u, 16u, tall);
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

// The weights of a line's taps.
struct Weights {
  tap0: f32,
  tap1: f32,
  tap2: f32,
  tap3: f32,
  tap4: f32,
}

fn weightsAt(start: u32) -> Weights {
  let step = u32(uniforms.weightTap);
  var weights = Weights();
  weights.tap0 = weight[start];
  if (kernelWidth > 1u) { weights.tap1 = weight[start + step]; }
  if (kernelWidth > 2u) { weights.tap2 = weight[start + 2u * step]; }
  if (kernelWidth > 3u) { weights.tap3 = weight[start + 3u * step]; }
  if (kernelWidth > 4u) { weights.tap4 = weight[start + 4u * step]; }
  return weights;
}

fn weightsOfLane(own: Weights, lane: u32) -> Weights {
  var weights = Weights();
  weights.tap0 = subgroupShuffle(own.tap0, lane);
  if (kernelWidth > 1u) { weights.tap1 = subgroupShuffle(own.tap1, lane); }
  if (kernelWidth > 2u) { weights.tap2 = subgroupShuffle(own.tap2, lane); }
  if (kernelWidth > 3u) { weights.tap3 = subgroupShuffle(own.tap3, lane); }
  if (kernelWidth > 4u) { weights.tap4 = subgroupShuffle(own.tap4, lane); }
  return weights;
}

// The sums of an output channel: four pixels at the left, and four at the right.
struct Row {
  left: vec4f,
  right: vec4f,
}

fn addFour(sums: vec4f, weights: Weights, pixels: Met) -> vec4f {
  var added = fma(vec4f(weights.tap0), pixels.tap0, sums);
  if (kernelWidth > 1u) { added = fma(vec4f(weights.tap1), pixels.tap1, added); }
  if (kernelWidth > 2u) { added = fma(vec4f(weights.tap2), pixels.tap2, added); }
  if (kernelWidth > 3u) { added = fma(vec4f(weights.tap3), pixels.tap3, added); }
  if (kernelWidth > 4u) { added = fma(vec4f(weights.tap4), pixels.tap4, added); }
  return added;
}

// With the weights that lane number `lane` has loaded.
fn add(sums: Row, own: Weights, lane: u32, left: Met, right: Met) -> Row {
  let weights = weightsOfLane(own, lane);
  var added = Row(addFour(sums.left, weights, left), vec4f());
  if (wide) { added.right = addFour(sums.right, weights, right); }
  return added;
}

fn rowOf(i: u32, r0: Row, r1: Row, r2: Row, r3: Row, r4: Row, r5: Row, r6: Row, r7: Row) -> Row {
  var row = Row(ofEight(i, r0.left, r1.left, r2.left, r3.left, r4.left, r5.left, r6.left, r7.left), vec4f());
  if (wide) {
    row.right = ofEight(i, r0.right, r1.right, r2.right, r3.right, r4.right, r5.right, r6.right, r7.right);
  }
  return row;
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

  let ownRow = min(row + lane % 8u, uniforms.rows - 1u);
  let lowerRow = min(row + 8u + lane % 8u, uniforms.rows - 1u);
  let groupWeights = group * uniforms.rows * uniforms.channels * uniforms.kernelHeight * kernelWidth;
  let ownWeights = groupWeights + uniforms.weightStart + ownRow * uniforms.weightRow;
  let lowerWeights = groupWeights + uniforms.weightStart + lowerRow * uniforms.weightRow;

  var u0 = Row(); var u1 = Row(); var u2 = Row(); var u3 = Row();
  var u4 = Row(); var u5 = Row(); var u6 = Row(); var u7 = Row();
  var l0 = Row(); var l1 = Row(); var l2 = Row(); var l3 = Row();
  var l4 = Row(); var l5 = Row(); var l6 = Row(); var l7 = Row();
  for (var channel = 0u; channel < uniforms.channels; channel++) {
    let plane = ((image * uniforms.groups + group) * uniforms.channels + channel) * uniforms.inputHeight;
    for (var ky = 0u; ky < uniforms.kernelHeight; ky++) {
      let inputY = y + ky * uniforms.dilationY - u32(uniforms.paddingTop);
      let inputX = column - u32(uniforms.paddingLeft);
      let line = Line((plane + inputY) * uniforms.inputWidth + inputX, inputX, inputY < uniforms.inputHeight);
      let first = fourPixels(line, 0u);
      var second = vec4f();
      if (wide) { second = fourPixels(line, 4u); }
      var beyond = vec4f();
      if (kernelWidth > 1u) { beyond.x = pixel(line, pixels); }
      if (kernelWidth > 2u) { beyond.y = pixel(line, pixels + 1u); }
      if (kernelWidth > 3u) { beyond.z = pixel(line, pixels + 2u); }
      if (kernelWidth > 4u) { beyond.w = pixel(line, pixels + 3u); }
      let left = met(first, select(beyond, second, wide));
      let right = met(second, beyond);

      let weights = channel * uniforms.weightChannel + ky * u32(uniforms.weightLine);
      let upper = weightsAt(ownWeights + weights);
      u0 = add(u0, upper, 0u, left, right);
      u1 = add(u1, upper, 1u, left, right);
      u2 = add(u2, upper, 2u, left, right);
      u3 = add(u3, upper, 3u, left, right);
      u4 = add(u4, upper, 4u, left, right);
      u5 = add(u5, upper, 5u, left, right);
      u6 = add(u6, upper, 6u, left, right);
      u7 = add(u7, upper, 7u, left, right);
      if (tall) {
        let lower = weightsAt(lowerWeights + weights);
        l0 = add(l0, lower, 0u, left, right);
        l1 = add(l1, lower, 1u, left, right);
        l2 = add(l2, lower, 2u, left, right);
        l3 = add(l3, lower, 3u, left, right);
        l4 = add(l4, lower, 4u, left, right);
        l5 = add(l5, lower, 5u, left, right);
        l6 = add(l6, lower, 6u, left, right);
        l7 = add(l7, lower, 7u, left, right);
      }
    }
  }

  // A loop, and not a copy for each row: stores are long code, and long code is what compiling takes long for.
  for (var i = 0u; (i < rowsAThread) & (row + i < uniforms.rows) & (tile < uniforms.tiles); i++) {
    var sums = rowOf(i, u0, u1, u2, u3, u4, u5, u6, u7);
    if (tall) {
      let lower = rowOf(i, l0, l1, l2, l3, l4, l5, l6, l7);
      sums = Row(select(sums.left, lower.left, i >= 8u), select(sums.right, lower.right, i >= 8u));
    }
    let channel = group * uniforms.rows + row + i;
    let line = ((image * uniforms.groups * uniforms.rows + channel) * uniforms.outputHeight + y) * uniforms.outputWidth;
    let add = select(0.0, bias[channel], uniforms.hasBias != 0u);
    storeFour(line, column, sums.left + add);
    if (wide) { storeFour(line, column + 4u, sums.right + add); }
  }
}

fn storeFour(line: u32, column: u32, values: vec4f) {
  let i = line + column;
  if (column < uniforms.outputWidth) { result[i] = finish(values.x, i); }
  if (column + 1u < uniforms.outputWidth) { result[i + 1u] = finish(values.y, i + 1u); }
  if (column + 2u < uniforms.outputWidth) { result[i + 2u] = finish(values.z, i + 2u); }
  if (column + 3u < uniforms.outputWidth) { result[i + 3u] = finish(values.w, i + 3u); }
}
