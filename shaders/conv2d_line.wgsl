// What each tap of a line of the window meets, for four output pixels next to each other: stride 1, at most five taps.

struct Met {
  tap0: vec4f,
  tap1: vec4f,
  tap2: vec4f,
  tap3: vec4f,
  tap4: vec4f,
}

// From the four input pixels that the first tap meets, and the four behind them.
fn met(four: vec4f, next: vec4f) -> Met {
  return Met(four, vec4f(four.yzw, next.x), vec4f(four.zw, next.xy), vec4f(four.w, next.xyz), next);
}
