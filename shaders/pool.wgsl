// What the pooling kernels share: the sizes of the planes, and where in them a thread works.
// In front: manyPlanes: there are more than quotient() can count.

struct Uniforms {
  height: u32, // of the input
  width: u32,
  outHeight: u32,
  outWidth: u32,
  threadsDown: u32, // on each plane
  threadsAcross: u32,
  threads: u32, // in all
}

struct Position {
  plane: u32,
  row: u32,
  column: u32,
}

fn positionOf(thread: u32) -> Position {
  let perPlane = uniforms.threadsDown * uniforms.threadsAcross;
  var plane = quotient(thread, perPlane);
  if (manyPlanes) { plane = thread / perPlane; }
  let rest = thread - plane * perPlane;
  let row = quotient(rest, uniforms.threadsAcross);
  return Position(plane, row, rest - row * uniforms.threadsAcross);
}
