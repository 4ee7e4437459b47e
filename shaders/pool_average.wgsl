// The average of each window; a thread has a few outputs, one below the other.
// In front: alias Element; what pool.wgsl and pool_average_divisor.wgsl need; outputsPerThread.

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> result: array<Element>;

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
    var sum = 0.0;
    for (var kernelRow = 0u; kernelRow < kernelHeight; kernelRow++) {
      let row = top + kernelRow;
      for (var kernelColumn = 0u; kernelColumn < kernelWidth; kernelColumn++) {
        let column = left + kernelColumn;
        let value = f32(x[plane + row * uniforms.width + column]);
        sum += select(0.0, value, isInside | ((row < uniforms.height) & (column < uniforms.width)));
      }
    }
    let output = (strip.plane * uniforms.outHeight + outRow) * uniforms.outWidth + strip.column;
    result[output] = Element(sum / divisor(outRow, strip.column));
  }
}
