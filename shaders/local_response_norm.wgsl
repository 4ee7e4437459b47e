// x / (k + alpha / size · the sum of squares over the channels around)^beta.
// In front: local_response.wgsl and what it needs.

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read_write> result: array<Stored>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.threads) { return; }
  let run = runOf(i);
  var window: array<Element, size>; // the loops over it unroll: no array is left
  // The channel that enters the window; before the first one, these are large numbers, which are outside as well.
  for (var entering = run.first - before; entering != run.end + behind; entering++) {
    for (var j = 1u; j < size; j++) { window[j - 1u] = window[j]; }
    window[size - 1u] = Element();
    if (entering < uniforms.channels) { window[size - 1u] = Element(x[run.start + entering * uniforms.inner]); }
    let channel = entering - behind;
    if (channel >= run.first && channel < run.end) {
      let y = window[before] * pow(divisor(window), Element(-uniforms.exponent));
      result[run.start + channel * uniforms.inner] = Stored(y);
    }
  }
}
