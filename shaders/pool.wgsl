// What the pooling kernels share: the sizes of the planes, and where in them a thread works.

struct Uniforms {
  height: u32, // of the input
  width: u32,
  outHeight: u32,
  outWidth: u32,
  threadsDown: u32, // on each plane
  threadsAcross: u32,
  threads: u32, // in all
}

@group(0) @binding(8) var<uniform> uniforms: Uniforms;

struct Position {
  plane: u32,
  row: u32,
  column: u32,
}

fn positionOf(thread: u32) -> Position {
  let perPlane = uniforms.threadsDown * uniforms.threadsAcross;
  let rest = thread % perPlane;
  return Position(thread / perPlane, rest / uniforms.threadsAcross, rest % uniforms.threadsAcross);
}
