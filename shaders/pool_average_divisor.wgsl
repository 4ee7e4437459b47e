// By how much the sum of a window is divided, as PyTorch counts: with the padding (countIncludePad) or without, but
// never what a last window of ceilMode has beyond the padding.
// In front: kernelHeight, kernelWidth, strideHeight, strideWidth, paddingHeight, paddingWidth, countIncludePad;
// isInside: all windows lie within the planes.

fn divisor(row: u32, column: u32) -> f32 {
  if (isInside) { return f32(kernelHeight * kernelWidth); }
  let height = extent(row * strideHeight, kernelHeight, paddingHeight, uniforms.height);
  let width = extent(column * strideWidth, kernelWidth, paddingWidth, uniforms.width);
  return f32(height * width);
}

// Along one axis; `start` counts from the edge of the padding.
fn extent(start: u32, kernel: u32, padding: u32, size: u32) -> u32 {
  if (countIncludePad) { return min(start + kernel, size + 2u * padding) - start; }
  return min(start + kernel, size + padding) - max(start, padding);
}
