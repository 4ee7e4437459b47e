// A tensor [N, C, …] walked plane by plane: a thread has a few elements of one plane, as many apart as the plane has
// threads.
// In front: alias Element, f32 or (where the size of a plane allows it) vec4f;
// fn finished(x: Element, k: u32) -> Element, which element k of the result goes through.

struct Uniforms {
  channels: u32,
  inner: u32,           // elements of a plane
  threadsPerPlane: u32,
  threads: u32,         // in all
  epsilon: f32,
  share: f32,           // 1 / how many numbers a channel has
}

struct Strip {
  channel: u32,
  first: u32, // element of the tensor
  end: u32,
}

fn stripOf(thread: u32) -> Strip {
  let plane = thread / uniforms.threadsPerPlane;
  let start = plane * uniforms.inner;
  return Strip(
    plane % uniforms.channels,
    start + thread - plane * uniforms.threadsPerPlane,
    start + uniforms.inner,
  );
}
