// What the two passes of localResponseNorm share. A thread has one place in the planes of an image and a run of channels
// there, which it walks with a window in registers, so that every element is read once.
// In front: alias Element, f32 or (where the size of a plane allows it) vec4f; alias Stored, the same as it is stored;
// const size: of the window, in channels.

struct Uniforms {
  channels: u32,
  inner: u32,   // elements of a plane
  runs: u32,    // of channels
  threads: u32, // in all
  slope: f32,   // alpha / size
  offset: f32,  // k
  exponent: f32, // beta
}

// So many channels of the window lie before its own one, and behind it.
const before = size / 2u;
const behind = (size - 1u) / 2u;

struct Run {
  start: u32, // the image's element in channel 0
  first: u32, // channel
  end: u32,
}

fn runOf(thread: u32) -> Run {
  let line = thread / uniforms.inner;
  let image = line / uniforms.runs;
  let run = line % uniforms.runs;
  let length = (uniforms.channels + uniforms.runs - 1u) / uniforms.runs;
  let first = run * length;
  return Run(
    image * uniforms.channels * uniforms.inner + thread % uniforms.inner,
    first,
    min(first + length, uniforms.channels),
  );
}

// What x of a channel is divided by, before it is raised to beta.
fn divisor(window: array<Element, size>) -> Element {
  var squares = Element();
  for (var i = 0u; i < size; i++) { squares += window[i] * window[i]; }
  return uniforms.offset + uniforms.slope * squares;
}
