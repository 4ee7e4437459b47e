// dx of an average pool: every element of the input adds up its share of dy of the windows that hold it, in cells and
// in the order of pool_extremum_gradient.wgsl.
// In front: alias Element; what pool.wgsl and pool_average_divisor.wgsl need; cellsPerThread, cellHeight, cellWidth,
// reachHeight, reachWidth;
// fn finish(value: Element, i: u32) -> Element, which element i of the result goes through.

@group(0) @binding(0) var<storage, read> gradients: array<Element>;
@group(0) @binding(1) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.threads) { return; }
  let strip = positionOf(i);
  let plane = strip.plane * uniforms.height * uniforms.width;
  let windows = strip.plane * uniforms.outHeight * uniforms.outWidth;
  // Counted from the edge of the padding. Windows before the first wrap around to large numbers, outside as well.
  let left = strip.column * cellWidth;
  let lastColumn = (left + cellWidth - 1u) / strideWidth;
  let cellsDown = (uniforms.height + paddingHeight + cellHeight - 1u) / cellHeight;
  let end = min((strip.row + 1u) * cellsPerThread, cellsDown);
  for (var cellRow = strip.row * cellsPerThread; cellRow < end; cellRow++) {
    let top = cellRow * cellHeight;
    let lastRow = (top + cellHeight - 1u) / strideHeight;
    var sums = array<f32, cellHeight * cellWidth>(); // the loops over a cell unroll: no array is left
    for (var earlierRow = 0u; earlierRow < reachHeight; earlierRow++) {
      let row = lastRow - earlierRow;
      for (var earlierColumn = 0u; earlierColumn < reachWidth; earlierColumn++) {
        let column = lastColumn - earlierColumn;
        let exists = (row < uniforms.outHeight) & (column < uniforms.outWidth);
        let dy = f32(gradients[windows + row * uniforms.outWidth + column]);
        let share = select(0.0, dy / divisor(row, column), exists);
        for (var k = 0u; k < cellHeight * cellWidth; k++) {
          // How far into the window; where it has not begun yet, this wraps around.
          let rowInside = top + k / cellWidth - row * strideHeight;
          let columnInside = left + k % cellWidth - column * strideWidth;
          sums[k] += select(0.0, share, (rowInside < kernelHeight) & (columnInside < kernelWidth));
        }
      }
    }
    for (var k = 0u; k < cellHeight * cellWidth; k++) {
      let row = top + k / cellWidth - paddingHeight;
      let column = left + k % cellWidth - paddingWidth;
      if ((row < uniforms.height) & (column < uniforms.width)) {
        let i = plane + row * uniforms.width + column;
        result[i] = finish(Element(sums[k]), i);
      }
    }
  }
}
