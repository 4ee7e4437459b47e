// A line of points of a tile or a window.
fn pointsFrom(start: u32) -> Rows {
  let step = uniforms.pointStride;
  let left = vec4f(points[start], points[start + step], points[start + 2u * step], points[start + 3u * step]);
  return column(left, vec2f(points[start + 4u * step], points[start + 5u * step]));
}
