// dx of localResponseNorm: with d what x is divided by before it is raised to beta,
// dx = dy · d^-beta - 2 · beta · alpha / size · x · the sum of dy · x · d^(-beta - 1) over the channels that x is around.
// d is computed again: it costs less than to keep it. A second window follows the first one as far behind as its middle.
// In front: local_response.wgsl and what it needs.

@group(0) @binding(0) var<storage, read> x: array<Stored>;
@group(0) @binding(1) var<storage, read> gradients: array<Stored>;
@group(0) @binding(2) var<storage, read_write> result: array<Stored>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.threads) { return; }
  let run = runOf(i);
  let factor = 2.0 * uniforms.exponent * uniforms.slope;
  var window: array<Element, size>; // of x, around `channel`; the loops over these arrays unroll
  var direct: array<Element, size>; // dy · d^-beta, of the channels up to `channel`
  var around: array<Element, size>; // and times x / d
  // Before the first channel, these are large numbers, which are outside as well.
  for (var entering = run.first - behind - before; entering != run.end + before + behind; entering++) {
    for (var j = 1u; j < size; j++) {
      window[j - 1u] = window[j];
      direct[j - 1u] = direct[j];
      around[j - 1u] = around[j];
    }
    window[size - 1u] = Element();
    direct[size - 1u] = Element();
    around[size - 1u] = Element();
    if (entering < uniforms.channels) { window[size - 1u] = Element(x[run.start + entering * uniforms.inner]); }
    let channel = entering - behind;
    if (channel < uniforms.channels) {
      let d = divisor(window);
      let dy = Element(gradients[run.start + channel * uniforms.inner]);
      direct[size - 1u] = dy * pow(d, Element(-uniforms.exponent));
      around[size - 1u] = direct[size - 1u] * window[before] / d;
    }
    let own = channel - before;
    if (own >= run.first && own < run.end) {
      var sum = Element();
      for (var j = 0u; j < size; j++) { sum += around[j]; }
      result[run.start + own * uniforms.inner] = Stored(direct[behind] - factor * window[0] * sum);
    }
  }
}
