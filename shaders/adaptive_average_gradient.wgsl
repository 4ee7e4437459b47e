// dx of adaptiveAvgPool2d: every element adds up its share of dy of the bins that have it. Bin i has element r where
// floor(i · size / n) <= r < ceil((i + 1) · size / n), and that is where floor(r · n / size) <= i < ceil((r + 1) · n / size).
// In front: alias Element, pool.wgsl, adaptive_bins.wgsl.

@group(0) @binding(0) var<storage, read> gradients: array<Element>;
@group(0) @binding(1) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.threads) { return; }
  let at = positionOf(i);
  let outRows = binOf(at.row, uniforms.outHeight, uniforms.height);
  let outColumns = binOf(at.column, uniforms.outWidth, uniforms.width);
  var sum = 0.0;
  for (var outRow = outRows.first; outRow < outRows.end; outRow++) {
    let rows = binOf(outRow, uniforms.height, uniforms.outHeight);
    let line = (at.plane * uniforms.outHeight + outRow) * uniforms.outWidth;
    for (var outColumn = outColumns.first; outColumn < outColumns.end; outColumn++) {
      let columns = binOf(outColumn, uniforms.width, uniforms.outWidth);
      sum += f32(gradients[line + outColumn]) / f32((rows.end - rows.first) * (columns.end - columns.first));
    }
  }
  result[i] = Element(sum);
}
