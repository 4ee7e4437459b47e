// Which tile of which slice of a matrix product a thread or a workgroup computes.
// What comes after this says how large a tile is: tileRows, tileColumns. In front: of_eight.wgsl.

struct Tile {
  slice: u32, // split · batches + batch
  batch: u32,
  row: u32,   // its first
  column: u32,
  start: u32, // its share of the depth, up to, not including, end
  end: u32,
}

fn tileOf(index: u32) -> Tile {
  let across = (uniforms.columns + tileColumns - 1u) / tileColumns;
  let down = (uniforms.rows + tileRows - 1u) / tileRows;
  let slice = index / (across * down);
  let place = index % (across * down);
  let start = (slice / uniforms.batches) * uniforms.depthPerSplit;
  return Tile(
    slice,
    slice % uniforms.batches,
    (place / across) * tileRows,
    (place % across) * tileColumns,
    start,
    min(start + uniforms.depthPerSplit, uniforms.depth),
  );
}

// Workgroups are rounded up, and folded into two dimensions: some have nothing to do.
fn isThere(tile: Tile) -> bool {
  return tile.slice < uniforms.batches * uniforms.splits;
}

// Row i of two blocks of four rows, one below the other.
fn rowOf(i: u32, upper: mat4x4f, lower: mat4x4f) -> vec4f {
  return ofEight(i, upper[0], upper[1], upper[2], upper[3], lower[0], lower[1], lower[2], lower[3]);
}
