// The six lines of points of a tile or a window, whose first is at `start` in the result: four columns, and the other two.
fn storePoints(start: u32, left: Rows, right: Rows) {
  let step = uniforms.pointStride;
  for (var i = 0u; i < uniforms.lines; i++) {
    let first = rowOf(left, i);
    let last = rowOf(right, i);
    let at = start + 6u * i * step;
    result[at] = first.x;
    result[at + step] = first.y;
    result[at + 2u * step] = first.z;
    result[at + 3u * step] = first.w;
    result[at + 4u * step] = last.x;
    result[at + 5u * step] = last.y;
  }
}
