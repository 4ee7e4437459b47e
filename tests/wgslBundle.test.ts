/** What becomes of a kernel's text in a bundle (that the kernels still compute the same there: browser.test.ts). */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compactKernel, shortNames } from "../engine/gpu/wgslBundle.mjs";

test("comments, spaces and last commas go", () => {
  const source = `
// Halves.
struct Uniforms {
  count: u32, // elements
  scale: f32,
}
const low = - 1.0 - -2.0;
`;
  assert.is(compactKernel(source), "struct Uniforms{count:u32,scale:f32}const low=-1.0- -2.0;");
});

test("uniforms have a short name, and no local variable has it", () => {
  const names = Array.from({ length: 30 }, (_, i) => `x${i}`);
  const lets = names.map((name) => `let ${name} = uniforms.count;`).join(" ");
  const compact = compactKernel(`var<uniform> uniforms: Uniforms; fn f() { ${lets} }`);
  assert.match(compact, /^var<uniform>U:Uniforms;fn f\(\)\{let x=U\.count;/);
  assert.not.match(compact, /let U=|uniforms/);
});

test("local names become letters that the function does not say", () => {
  const source = `fn sum(left: u32, line: u32) -> u32 {
  let total = left.x + line * t + scale(left);
  var next = total;
  return next + left0;
}
const left0 = 1u;`;
  const compact = "fn sum(l:u32,e:u32)->u32{let a=l.x+e*t+scale(l);var n=a;return n+left0;}const left0=1u;";
  assert.is(compactKernel(source), compact);
});

test("a number beside an operator goes without its type, one that is all there is keeps it", () => {
  const source = "var i = 4u * n + at(3u); i += 1u; if (i % 4u == 0u) { i = 5u - n; }";
  assert.is(compactKernel(source), "var i=4u*n+at(3u);i+=1;if(i%4==0){i=5u-n;}");
});

test("where letters run out, a variable keeps its name", () => {
  const names = Array.from({ length: 54 }, (_, i) => `x${i}`);
  const compact = compactKernel(`fn f() {\n${names.map((name) => `  let ${name} = 1u;`).join("\n")}\n}`);
  const declared = [...compact.matchAll(/let (\w+)=/g)].map(([, name]) => name);
  const letters = "xabcdeghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTVWXYZ";
  assert.equal(declared, [...letters, "x50", "x51", "x52", "x53"]);
});

test("what only kernels speak of gets a short name", () => {
  const kernels = `struct Place { row: u32 } const size = 4u; var<workgroup> slots: array<f32, size>;
fn placeOf(a0: u32) -> Place { return Place(a0); } fn finish(i: u32) -> u32 { return placeOf(i).row; }`;
  const names = shortNames(kernels, "const constants = { size: 4, `fn finish(i)` }; // a1");
  assert.equal(
    [...names],
    [
      ["Place", "a2"],
      ["slots", "a3"],
      ["placeOf", "a4"],
    ],
  );
});

test.run();
