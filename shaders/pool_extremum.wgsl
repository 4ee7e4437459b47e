// Maximum or minimum of each window, and where in its plane it was found. A thread has some outputs, one below the other:
// finding its place costs as much as several windows.
// In front: alias Element; what pool.wgsl needs; kernelHeight, kernelWidth, strideHeight, strideWidth, paddingHeight,
// paddingWidth, dilationHeight, dilationWidth; isInside: all windows lie within the planes; outputsPerThread; fn beats(value: f32, best: f32) -> bool. Every window holds an element of the input.

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> result: array<Element>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;

const none = 0xffffffffu;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.threads) { return; }
  let strip = positionOf(i);
  let plane = strip.plane * uniforms.height * uniforms.width;
  let end = min((strip.row + 1u) * outputsPerThread, uniforms.outHeight);
  // In the padding above and to the left these wrap around to large numbers, which are outside as well.
  let left = strip.column * strideWidth - paddingWidth;
  for (var outRow = strip.row * outputsPerThread; outRow < end; outRow++) {
    let top = outRow * strideHeight - paddingHeight;
    var best = 0.0;
    var found = none;
    for (var kernelRow = 0u; kernelRow < kernelHeight; kernelRow++) {
      let row = top + kernelRow * dilationHeight;
      for (var kernelColumn = 0u; kernelColumn < kernelWidth; kernelColumn++) {
        let column = left + kernelColumn * dilationWidth;
        let index = row * uniforms.width + column;
        let value = f32(x[plane + index]);
        // A tie stays with the first; a NaN always wins.
        let exists = isInside | ((row < uniforms.height) & (column < uniforms.width));
        let wins = exists & ((found == none) | beats(value, best) | isNaN(value));
        best = select(best, value, wins);
        found = select(found, index, wins);
      }
    }
    let output = (strip.plane * uniforms.outHeight + outRow) * uniforms.outWidth + strip.column;
    result[output] = Element(best);
    indices[output] = found;
  }
}
