// The second pass of a product whose depth was split, where the sums of the left operand's rows were wanted, too, and of
// other pairs of sums that came in parts: adds up the parts of both, always in the same order.

struct Uniforms {
  parts: u32,
  productSize: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> products: array<f32>;
@group(0) @binding(1) var<storage, read> rowSums: array<f32>;
@group(0) @binding(2) var<storage, read_write> product: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  var total = 0.0;
  if (i < uniforms.productSize) {
    for (var part = 0u; part < uniforms.parts; part++) { total += products[part * uniforms.productSize + i]; }
    product[i] = total;
  } else if (i < uniforms.productSize + uniforms.rows) {
    let row = i - uniforms.productSize;
    for (var part = 0u; part < uniforms.parts; part++) { total += rowSums[part * uniforms.rows + row]; }
    sums[row] = total;
  }
}
