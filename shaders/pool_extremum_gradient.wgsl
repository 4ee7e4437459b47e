// dx of a maximum or minimum pool: every element of the input adds up dy of the windows that chose it, always in the
// same order, so that windows that overlap need no atomics. A thread has cells of neighbouring elements, one below the
// other; for each it reads the windows that can have chosen any of its elements once.
// In front: alias Element; what pool.wgsl needs; strideHeight, strideWidth, paddingHeight, paddingWidth; cellsPerThread;
// cellHeight, cellWidth: a cell's sizes, which divide the stride or are a multiple of it; reachHeight, reachWidth: how many
// windows can hold elements of a cell;
// fn finish(value: Element, i: u32) -> Element, which element i of the result goes through.

@group(0) @binding(0) var<storage, read> gradients: array<Element>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.threads) { return; }
  let strip = positionOf(i);
  let plane = strip.plane * uniforms.height * uniforms.width;
  let windows = strip.plane * uniforms.outHeight * uniforms.outWidth;
  // Cells begin in the padding. There, and for windows before the first, numbers wrap around to large ones, which are
  // outside as well.
  let left = strip.column * cellWidth - paddingWidth;
  let lastColumn = (strip.column * cellWidth + cellWidth - 1u) / strideWidth;
  let cellsDown = (uniforms.height + paddingHeight + cellHeight - 1u) / cellHeight;
  let end = min((strip.row + 1u) * cellsPerThread, cellsDown);
  for (var cellRow = strip.row * cellsPerThread; cellRow < end; cellRow++) {
    let top = cellRow * cellHeight - paddingHeight;
    let corner = top * uniforms.width + left;
    let lastRow = (cellRow * cellHeight + cellHeight - 1u) / strideHeight;
    var sums = array<f32, cellHeight * cellWidth>(); // the loops over a cell unroll: no array is left
    for (var earlierRow = 0u; earlierRow < reachHeight; earlierRow++) {
      let row = lastRow - earlierRow;
      for (var earlierColumn = 0u; earlierColumn < reachWidth; earlierColumn++) {
        let column = lastColumn - earlierColumn;
        let window = windows + row * uniforms.outWidth + column;
        let exists = (row < uniforms.outHeight) & (column < uniforms.outWidth);
        let chosen = indices[window];
        let dy = select(0.0, f32(gradients[window]), exists);
        for (var k = 0u; k < cellHeight * cellWidth; k++) {
          let own = corner + k / cellWidth * uniforms.width + k % cellWidth;
          sums[k] += select(0.0, dy, chosen == own);
        }
      }
    }
    for (var k = 0u; k < cellHeight * cellWidth; k++) {
      let row = top + k / cellWidth;
      let column = left + k % cellWidth;
      if ((row < uniforms.height) & (column < uniforms.width)) {
        let i = plane + row * uniforms.width + column;
        result[i] = finish(Element(sums[k]), i);
      }
    }
  }
}
