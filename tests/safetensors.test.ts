import { test } from "uvu";
import * as assert from "uvu/assert";
import { ArgumentError, DataError } from "../engine/errors.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "../engine/io/safetensors.ts";
import { refusal } from "./data-helpers.ts";

const floats = (shape: number[], ...values: number[]): SafetensorsTensor => ({
  dtype: "float32",
  shape,
  data: Float32Array.from(values),
});

/** A file with this header, as it stands, and this many zero bytes of data. */
function fileOf(header: string | Uint8Array, dataLength = 0): Uint8Array {
  const bytes = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + bytes.length + dataLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(bytes.length), true);
  file.set(bytes, 8);
  return file;
}

test("what is written is read: all dtypes, scalars, tensors without values, every name", () => {
  const tensors = new Map<string, SafetensorsTensor>([
    ["features.0.weight", floats([2, 3], 1, -2.5, Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-40)],
    ["scalar", { dtype: "int32", shape: [], data: Int32Array.of(-7) }],
    ["empty", floats([0, 4])],
    ["__proto__", { dtype: "uint32", shape: [2], data: Uint32Array.of(1, 0xffffffff) }],
    ["constructor", floats([1], 5)],
    ['é "quoted"\n{[:,', floats([1], 6)],
    ["7", floats([1], 7)],
    ["", floats([1], 8)],
  ]);
  const metadata = new Map([
    ["epoch", "3"],
    ["__proto__", "text"],
    ["", 'é\n"{'],
  ]);
  const bytes = encodeSafetensors(tensors, metadata);
  const decoded = decodeSafetensors(bytes, "model.safetensors");
  assert.equal(new Set(decoded.tensors.keys()), new Set(tensors.keys()));
  for (const [name, { dtype, shape, data }] of tensors) {
    const found = decoded.tensors.get(name)!;
    assert.equal([found.dtype, found.shape], [dtype, shape]);
    assert.instance(found.data, data.constructor);
    assert.ok(Buffer.from(found.data.buffer).equals(Buffer.from(data.buffer)), `${name} has other bits`);
  }
  assert.equal(decoded.metadata, metadata);
  assert.is(({} as Record<string, unknown>).dtype, undefined);
});

test("the bytes are those of the format", () => {
  const bytes = encodeSafetensors(new Map([["w", floats([2], 1, -2)]]), new Map([["k", "v"]]));
  const header = '{"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  const expected = fileOf(padded, 8);
  expected.set([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0], 8 + padded.length);
  assert.equal(bytes, expected);
});

test("a file of the reference implementation is read", () => {
  // By safetensors for Python: save_file({"b": arange(3, int32), "a": ones(2, float32)}, metadata={"k": "v"}).
  const file = Buffer.from(
    "iAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJrIjoidiJ9LCJhIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbMCw4XX0sImIiOnsiZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOls4LDIwXX19ICAgAACAPwAAgD8AAAAAAQAAAAIAAAA=",
    "base64",
  );
  const { tensors, metadata } = decodeSafetensors(file, "reference");
  assert.equal(
    tensors,
    new Map<string, SafetensorsTensor>([
      ["a", floats([2], 1, 1)],
      ["b", { dtype: "int32", shape: [3], data: Int32Array.of(0, 1, 2) }],
    ]),
  );
  assert.equal(metadata, new Map([["k", "v"]]));
});

test("views are written as what they show, and a file at any place in memory is read as a copy", () => {
  const large = Float32Array.of(9, 1, 2, 9);
  const bytes = encodeSafetensors(
    new Map([["w", { dtype: "float32", shape: [2], data: large.subarray(1, 3) }]]),
  );
  const buffer = new Uint8Array(bytes.length + 3);
  buffer.set(bytes, 3);
  for (const odd of [buffer.subarray(3), Buffer.from(buffer.buffer, 3)]) {
    const { data } = decodeSafetensors(odd, "odd").tensors.get("w")!;
    assert.equal(data, Float32Array.of(1, 2));
    assert.is(data.buffer.byteLength, 8);
  }
});

test("no tensors and no metadata make a file too", () => {
  const { tensors, metadata } = decodeSafetensors(encodeSafetensors(new Map()), "empty");
  assert.equal([tensors.size, metadata.size], [0, 0]);
});

const w = (rest: string) => `{"w":{"dtype":"F32",${rest}}}`;
const good = '"dtype":"F32","shape":[1],"data_offsets"';
const refused: [name: string, bytes: Uint8Array, words: RegExp][] = [
  ["an empty file", new Uint8Array(0), /0 bytes, too few/],
  ["seven bytes", new Uint8Array(7), /7 bytes, too few/],
  ["a header length of zero", new Uint8Array(8), /does not begin with \{/],
  [
    "a huge header length",
    new Uint8Array(64).fill(0xff),
    /a header of 18446744073709551615 bytes\n.*PyTorch's \.pt/,
  ],
  [
    "a ZIP, as PyTorch writes",
    new TextEncoder().encode("PK\x03\x04\x00\x00\x08\x08, etc."),
    /this is no safetensors/,
  ],
  [
    "a header longer than the file",
    fileOf("{}").subarray(0, 9),
    /a header of 2 bytes is announced, and 1 bytes follow/,
  ],
  ["a header that is a list", fileOf("[]"), /does not begin with \{/],
  ["a header that begins with a space", fileOf(" {}"), /does not begin with \{/],
  ["a header that is no JSON", fileOf("{w}"), /header is not JSON: /],
  ["a header with more after it", fileOf("{}{}"), /header is not JSON: /],
  [
    "a header that is no UTF-8",
    fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)),
    /is not JSON: /,
  ],
  ["a name twice", fileOf(`{"w":{${good}:[0,4]},"w":{${good}:[0,4]}}`, 4), /the key "w" twice/],
  [
    "a name twice, once escaped",
    fileOf(`{"w":{${good}:[0,4]},"\\u0077":{${good}:[0,4]}}`, 4),
    /the key "w" twice/,
  ],
  [
    "a key twice in a tensor",
    fileOf(w('"shape":[1],"shape" : [2],"data_offsets":[0,8]'), 8),
    /the key "shape" twice/,
  ],
  ["a key twice in the metadata", fileOf('{"__metadata__":{"a":"","a":""}}'), /the key "a" twice/],
  ["deep nesting", fileOf(w('"shape":[[[1]]],"data_offsets":[0,4]'), 4), /nested more than 3 deep/],
  ["an entry that is a number", fileOf('{"w":1}'), /the entry of "w" is no object/],
  ["an entry that is null", fileOf('{"__proto__":null}'), /the entry of "__proto__" is no object/],
  ["an entry that is a list", fileOf('{"w":[]}'), /the entry of "w" is no object/],
  [
    "a dtype that cannot be read",
    fileOf('{"w":{"dtype":"BF16"}}'),
    /"w" has the dtype "BF16", expected F32, I32, U32 or I64\n/,
  ],
  ["a dtype named after a method", fileOf('{"w":{"dtype":"toString"}}'), /the dtype "toString"/],
  ["no dtype", fileOf('{"w":{}}'), /the dtype undefined/],
  ["no shape", fileOf(w('"data_offsets":[0,4]'), 4), /the shape undefined/],
  ["a negative size", fileOf(w('"shape":[-1],"data_offsets":[0,4]'), 4), /the shape \[-1\]/],
  ["a broken size", fileOf(w('"shape":[1.5],"data_offsets":[0,6]'), 6), /the shape \[1\.5\]/],
  ["a shape that is text", fileOf(w('"shape":"1","data_offsets":[0,4]'), 4), /the shape "1"/],
  ["no offsets", fileOf(w('"shape":[1]'), 4), /the data_offsets undefined/],
  ["one offset", fileOf(w('"shape":[1],"data_offsets":[4]'), 4), /the data_offsets \[4\]/],
  ["negative offsets", fileOf(w('"shape":[1],"data_offsets":[-4,0]'), 4), /the data_offsets \[-4,0\]/],
  ["offsets in reverse", fileOf(w('"shape":[1],"data_offsets":[4,0]'), 4), /has -4 bytes of data/],
  [
    "data that does not fit the shape",
    fileOf(w('"shape":[3],"data_offsets":[0,8]'), 8),
    /8 bytes of data \(from 0 to 8\), expected 12 for float32 \[3\]/,
  ],
  [
    "a shape beyond all memory",
    fileOf(w('"shape":[4294967296,4294967296,0],"data_offsets":[0,4]'), 4),
    /4 bytes of data .*, expected 0/,
  ],
  [
    "a shape beyond all numbers",
    fileOf(w(`"shape":[${"9007199254740991,".repeat(30)}0],"data_offsets":[0,0]`)),
    /expected NaN/,
  ],
  [
    "data beyond the end",
    fileOf(w('"shape":[2],"data_offsets":[0,8]'), 7),
    /cut off: the data of "w" ends at byte 8, and the file has 7/,
  ],
  [
    "bytes that belong to no tensor",
    fileOf(w('"shape":[1],"data_offsets":[0,4]'), 6),
    /too long: the tensors take 4 bytes of data, and the file has 6/,
  ],
  ["bytes without any tensor", fileOf("{}", 1), /too long/],
  [
    "a gap",
    fileOf(`{"a":{${good}:[0,4]},"b":{${good}:[8,12]}}`, 12),
    /"b" begins at byte 8, expected 4: it leaves a gap/,
  ],
  [
    "an overlap",
    fileOf(`{"b":{${good}:[2,6]},"a":{${good}:[0,4]}}`, 6),
    /"b" begins at byte 2, expected 4: it overlaps/,
  ],
  ["the same data twice", fileOf(`{"b":{${good}:[0,4]},"a":{${good}:[0,4]}}`, 4), /expected 4: it overlaps/],
  ["metadata that is text", fileOf('{"__metadata__":"x"}'), /__metadata__ is no object/],
  ["metadata that is a number", fileOf('{"__metadata__":{"epoch":3}}'), /a value that is no text: "epoch"/],
];
for (const [name, bytes, words] of refused) {
  test(`refused: ${name}`, async () => {
    const error = await refusal(DataError, () => decodeSafetensors(bytes, "model.safetensors"));
    assert.match(error.message, /^model\.safetensors: /);
    assert.match(error.message, words);
    assert.match(error.message, /\n {2}help: \w/);
  });
}

test("a header built to exhaust memory or the stack is refused in short words", async () => {
  const headers = [
    `{"${"\\\\".repeat(3_000_000)}":1}`,
    `${'{"a":'.repeat(1_000_000)}1${"}".repeat(1_000_000)}`,
    `{"a":${"[".repeat(3_000_000)}${"]".repeat(3_000_000)}}`,
    w(`"shape":[${"1,".repeat(1_000_000)}1],"data_offsets":[0,8]`),
  ];
  for (const header of headers) {
    const error = await refusal(DataError, () => decodeSafetensors(fileOf(header, 8), "model.safetensors"));
    assert.ok(error.message.length < 400, `a message of ${error.message.length} characters`);
  }
});

test("cut off at any byte, a file is refused", async () => {
  const bytes = encodeSafetensors(
    new Map([
      ["a", floats([2], 1, 2)],
      ["b", floats([1], 3)],
    ]),
    new Map([["k", "v"]]),
  );
  for (let length = 0; length < bytes.length; length++) {
    await refusal(DataError, () => decodeSafetensors(bytes.subarray(0, length), "model.safetensors"));
  }
});

test("tensors that contradict themselves are not written", async () => {
  const wrong: [SafetensorsTensor, RegExp][] = [
    [floats([3], 1, 2), /"w" has 2 values in a Float32Array, expected 3 in a Float32Array for float32 \[3\]/],
    [{ ...floats([2], 1, 2), dtype: "int32" }, /expected 2 in a Int32Array for int32/],
  ];
  for (const [tensor, words] of wrong) {
    const error = await refusal(ArgumentError, () => encodeSafetensors(new Map([["w", tensor]])));
    assert.match(error.message, words);
  }
  const named = await refusal(ArgumentError, () =>
    encodeSafetensors(new Map([["__metadata__", floats([1], 1)]])),
  );
  assert.match(named.message, /cannot be called __metadata__/);
});

test.run();
