// The average of each bin of a plane: output i of n has the elements from floor(i · size / n) up to (not including)
// ceil((i + 1) · size / n), so that bins may share an element where they meet.
// In front: alias Element, pool.wgsl, adaptive_bins.wgsl.

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.threads) { return; }
  let at = positionOf(i);
  let rows = binOf(at.row, uniforms.height, uniforms.outHeight);
  let columns = binOf(at.column, uniforms.width, uniforms.outWidth);
  var sum = 0.0;
  for (var row = rows.first; row < rows.end; row++) {
    let line = (at.plane * uniforms.height + row) * uniforms.width;
    for (var column = columns.first; column < columns.end; column++) { sum += f32(x[line + column]); }
  }
  result[i] = Element(sum / f32((rows.end - rows.first) * (columns.end - columns.first)));
}
