/**
 * The safetensors reader against files made to break it: whatever the bytes, it returns tensors that agree with themselves,
 * or refuses with a DataError that names the reason, and takes no memory that the file does not have.
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ArgumentError, DataError } from "../engine/errors.ts";
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from "../engine/io/safetensors.ts";

const seed = 20190521;
const arrays = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array } as const;

/** Every reason that the reader has. */
const reasons = [
  /too few even for the header's length/,
  /this is no safetensors file/,
  /cut off: /,
  /its header is not JSON: ./,
  /its header is nested more than 3 deep/,
  /its header has the key .+ twice/,
  /__metadata__ is no object/,
  /__metadata__ has a value that is no text: /,
  /the entry of .+ is no object/,
  /has the dtype .+, expected /,
  /has the shape .+, expected a list of whole numbers/,
  /has the data_offsets .+, expected \[begin, end\]/,
  /has -?\d+ bytes of data \(from \d+ to \d+\), expected /,
  /begins at byte \d+, expected \d+: it (overlaps|leaves a gap)/,
  /too long: the tensors take \d+ bytes/,
  /has the number -?\d+, which does not fit into int32/,
];

/** Names that objects have of themselves, that JSON writes in several ways, that are no text in UTF-8. */
const oddNames = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "7",
  "-1",
  "",
  "\ud800",
  '"\\\n',
  "é{[",
];
const anyName = fc.oneof(fc.constantFrom(...oddNames), fc.string({ unit: "binary", maxLength: 12 }));
const tensorName = anyName.filter((name) => name !== "__metadata__");

const anyTensor: fc.Arbitrary<SafetensorsTensor> = fc
  .record({
    dtype: fc.constantFrom("float32", "int32", "uint32"),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
    salt: fc.nat(),
  })
  .map(({ dtype, shape, salt }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    // Bits of every kind, those of NaN among them.
    const bits = Uint32Array.from({ length: count }, (_, i) => Math.imul(salt + i, 0x9e3779b9) ^ (i << 27));
    return { dtype, shape, data: new arrays[dtype](bits.buffer) };
  });

const anyFile = fc.record({
  tensors: fc.array(fc.tuple(tensorName, anyTensor), { maxLength: 5 }).map((list) => new Map(list)),
  metadata: fc
    .array(fc.tuple(anyName, fc.string({ unit: "binary" })), { maxLength: 3 })
    .map((list) => new Map(list)),
});

/** A file with this header, as it stands, and this many zero bytes of data. */
function fileOf(header: string | Uint8Array, dataLength = 0): Uint8Array {
  const bytes = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + bytes.length + dataLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(bytes.length), true);
  file.set(bytes, 8);
  return file;
}

function bitsOf({ data }: SafetensorsTensor): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");
}

/** As something that can be compared, by name: a tensor without values may change its place. */
function contentOf(tensors: ReadonlyMap<string, SafetensorsTensor>) {
  const rows = [...tensors].map(
    ([name, tensor]) => [name, tensor.dtype, tensor.shape, bitsOf(tensor)] as const,
  );
  return rows.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Decodes, checks what comes out of it, and returns the message if the file was refused. */
function check(bytes: Uint8Array): string | undefined {
  const before = process.memoryUsage().arrayBuffers;
  let decoded: ReturnType<typeof decodeSafetensors> | undefined;
  let refusal: unknown;
  try {
    decoded = decodeSafetensors(bytes, "fuzz");
  } catch (error) {
    refusal = error;
  }
  const taken = process.memoryUsage().arrayBuffers - before;
  assert.ok(taken <= 4 * bytes.length + 8192, `${taken} bytes were taken for a file of ${bytes.length}`);
  if (!decoded) {
    assert.instance(refusal, DataError, `it failed by ${refusal}`);
    const { message } = refusal as DataError;
    assert.match(message, /^fuzz: /);
    const [line, help, ...more] = message.split("\n");
    assert.ok(
      reasons.some((reason) => reason.test(line)),
      message,
    );
    assert.ok(help === undefined || /^ {2}help: \w/.test(help), message);
    assert.is(more.length, 0, message);
    assert.not(/\p{Cc}/u.test(line), `a control character reaches the terminal: ${JSON.stringify(message)}`);
    assert.ok(message.length < 600, `a message of ${message.length} characters`);
    return message;
  }
  let total = 0;
  for (const [name, { dtype, shape, data }] of decoded.tensors) {
    assert.instance(data, arrays[dtype]);
    assert.ok(
      shape.every((size) => Number.isSafeInteger(size) && size >= 0 && !Object.is(size, -0)),
      `${name} has the shape [${shape}]`,
    );
    assert.is(
      data.length,
      shape.reduce((product, size) => product * size, 1),
    );
    total += data.byteLength;
  }
  assert.ok(total <= bytes.length);
  for (const text of decoded.metadata.values()) assert.type(text, "string");
  const again = decodeSafetensors(encodeSafetensors(decoded.tensors, decoded.metadata), "again");
  assert.equal(contentOf(again.tensors), contentOf(decoded.tensors));
  assert.equal(again.metadata, decoded.metadata);
  return undefined;
}

function property<T extends [unknown, ...unknown[]]>(
  name: string,
  numRuns: number,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  holds: (...values: T) => void,
): void {
  test(name, () => {
    fc.assert(fc.property<T>(...arbitraries, holds), { seed, numRuns, includeErrorInReport: true });
  });
}

property(
  "what is written is read, bit by bit",
  500,
  [anyFile, fc.nat({ max: 7 })],
  ({ tensors, metadata }, odd) => {
    const bytes = encodeSafetensors(tensors, metadata);
    const moved = new Uint8Array(bytes.length + odd);
    moved.set(bytes, odd);
    const decoded = decodeSafetensors(moved.subarray(odd), "fuzz");
    assert.equal(contentOf(decoded.tensors), contentOf(tensors));
    assert.equal(decoded.metadata, metadata);
    const withValues = (map: ReadonlyMap<string, SafetensorsTensor>) =>
      [...map].filter(([, { data }]) => data.length > 0).map(([name]) => name);
    assert.equal(withValues(decoded.tensors), withValues(tensors));
    assert.is(({} as Record<string, unknown>).dtype, undefined);
  },
);

property(
  "shapes that are none are not written",
  200,
  [
    tensorName,
    fc.array(fc.constantFrom(1, 2, -1, -2, 0.5, 4, -0, Number.NaN, 1e308), { minLength: 1, maxLength: 3 }),
  ],
  (name, shape) => {
    const count = Math.abs(shape.reduce((product, size) => product * size, 1));
    const data = new Float32Array(count <= 64 ? count : 1);
    const isValid = shape.every((size) => Number.isSafeInteger(size) && size > 0);
    const write = () => encodeSafetensors(new Map([[name, { dtype: "float32", shape, data }]]));
    if (isValid) assert.is(check(write()), undefined);
    else assert.throws(write, (error: unknown) => error instanceof ArgumentError);
  },
);

property(
  "cut off anywhere, a file is refused",
  500,
  [anyFile, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })],
  ({ tensors, metadata }, share) => {
    const bytes = encodeSafetensors(tensors, metadata);
    const message = check(bytes.subarray(0, Math.floor(share * bytes.length)));
    assert.match(message!, /cut off|too few/);
  },
);

property(
  "bytes may change anywhere",
  1500,
  [anyFile, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 })],
  ({ tensors, metadata }, changes) => {
    const bytes = encodeSafetensors(tensors, metadata);
    for (const [place, bits] of changes) bytes[place % bytes.length] ^= bits;
    check(bytes);
  },
);

property(
  "bits of the header may flip",
  1500,
  [anyFile, fc.nat(), fc.nat({ max: 7 })],
  ({ tensors, metadata }, place, bit) => {
    const bytes = encodeSafetensors(tensors, metadata);
    const headerLength = new DataView(bytes.buffer).getUint32(0, true);
    bytes[8 + (place % headerLength)] ^= 1 << bit;
    check(bytes);
  },
);

property(
  "the announced length of the header may be any",
  500,
  [anyFile, fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 400n }))],
  ({ tensors }, length) => {
    const bytes = encodeSafetensors(tensors);
    const view = new DataView(bytes.buffer);
    const isTrue = view.getBigUint64(0, true) === length;
    view.setBigUint64(0, length, true);
    const message = check(bytes);
    if (length > BigInt(bytes.length))
      assert.match(message!, /would mean a header of|a header of \d+ bytes is announced/);
    if (isTrue) assert.is(message, undefined);
  },
);

property(
  "one offset may be wrong by any amount",
  500,
  [
    fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 4 }),
    fc.nat(),
    fc.oneof(fc.integer({ min: -40, max: 40 }), fc.maxSafeInteger()).filter((by) => by !== 0),
  ],
  (sizes, which, by) => {
    const begins = sizes.map((_, i) => 4 * sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
    const offsets = sizes.flatMap((size, i) => [begins[i], begins[i] + 4 * size]);
    const dataLength = offsets[offsets.length - 1];
    offsets[which % offsets.length] += by;
    const entries = sizes.map(
      (size, i) =>
        `"t${i}":{"dtype":"F32","shape":[${size}],"data_offsets":[${offsets[2 * i]},${offsets[2 * i + 1]}]}`,
    );
    assert.match(check(fileOf(`{${entries}}`, dataLength))!, /bytes of data|data_offsets|begins at byte/);
  },
);

property(
  "whole tensors may lie anywhere",
  1000,
  [
    fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 24 })), { minLength: 1, maxLength: 4 }),
    fc.nat({ max: 40 }),
  ],
  (places, dataLength) => {
    const entries = places.map(
      ([size, begin], i) =>
        `"t${i}":{"dtype":"U32","shape":[${size}],"data_offsets":[${begin},${begin + 4 * size}]}`,
    );
    const covered = places
      .flatMap(([size, begin]) => Array.from({ length: 4 * size }, (_, byte) => begin + byte))
      .sort((a, b) => a - b);
    const isExact = covered.length === dataLength && covered.every((byte, i) => byte === i);
    const message = check(fileOf(`{${entries}}`, dataLength));
    if (!isExact) assert.type(message, "string");
  },
);

/** JSON's numbers, what looks like some, and other values. */
const wholeNumbers = ["0", "1", "2", "4", "8", "16", "1.0", "8e0"];
const otherValues = [
  ...[
    "-0",
    "-0.0",
    "-1",
    "0.5",
    "1e308",
    "1e400",
    "-1e400",
    "9007199254740992",
    "18446744073709551616",
    "1e-7",
  ],
  ...["NaN", "Infinity", "0x8", "01", "1_0", "null", "true", '"8"', "[]", "[8]", "{}", '{"a":1}', "[[[8]]]"],
];
const mostlyWhole = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...wholeNumbers) },
  { weight: 1, arbitrary: fc.constantFrom(...otherValues) },
);
const mostlyF32 = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('"F32"', '"I32"', '"U32"', '"I64"') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '"F64"',
      '"f32"',
      '"__proto__"',
      '"toString"',
      "null",
      "32",
      "[]",
      '"\\u001b[31m"',
    ),
  },
);
const anyEntry = fc
  .record({
    dtype: mostlyF32,
    shape: fc.array(mostlyWhole, { maxLength: 3 }),
    offsets: fc.array(mostlyWhole, { minLength: 1, maxLength: 3 }),
    extra: fc.constantFrom(
      "",
      "",
      "",
      ',"extra":1',
      ',"shape":[1]',
      ',"__proto__":{"dtype":"F32"}',
      ',"a":[[1]]',
    ),
  })
  .map(({ dtype, shape, offsets, extra }) => ({
    text: `{"dtype":${dtype},"shape":[${shape}],"data_offsets":[${offsets}]${extra}}`,
    numbers: [...shape, ...offsets],
  }));

property(
  "headers of odd entries",
  2500,
  [fc.array(fc.tuple(anyName, anyEntry), { maxLength: 3 }), fc.nat({ max: 24 })],
  (entries, dataLength) => {
    const header = `{${entries.map(([name, { text }]) => `${JSON.stringify(name)}:${text}`)}}`;
    const message = check(fileOf(header, dataLength));
    const isOdd = entries.some(([, { numbers }]) => numbers.some((number) => otherValues.includes(number)));
    const names = entries.map(([name]) => name);
    if (isOdd || new Set(names).size < names.length) assert.type(message, "string");
  },
);

/** A name in JSON with every character, or only those that need it, escaped. */
function written(name: string, isEscaped: boolean): string {
  const codes = Array.from({ length: name.length }, (_, i) =>
    name.charCodeAt(i).toString(16).padStart(4, "0"),
  );
  return isEscaped ? `"${codes.map((code) => `\\u${code}`).join("")}"` : JSON.stringify(name);
}

property(
  "a name may stand in the header once, however it is written",
  300,
  [tensorName, tensorName, fc.boolean(), fc.boolean()],
  (one, other, escapeOne, escapeOther) => {
    const entry = (begin: number) => `{"dtype":"F32","shape":[1],"data_offsets":[${begin},${begin + 4}]}`;
    const header = (second: string) =>
      `{${written(one, escapeOne)}:${entry(0)},${written(second, escapeOther)}:${entry(4)}}`;
    assert.match(check(fileOf(header(one), 8))!, /has the key .* twice/);
    if (one !== other) assert.is(check(fileOf(header(other), 8)), undefined);
  },
);

property(
  "nothing is nested deeper than a shape",
  100,
  [fc.nat({ max: 2000 }), fc.boolean()],
  (depth, isList) => {
    const [open, close] = isList ? ["[", "]"] : ['{"a":', "}"];
    const nested = `${open.repeat(depth)}1${close.repeat(depth)}`;
    const message = check(
      fileOf(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":${nested}}}`, 4),
    );
    if (depth > 1) assert.match(message!, /nested more than 3 deep/);
    else assert.is(message, undefined);
  },
);

property(
  "names in anything but UTF-8 are refused",
  100,
  [fc.uint8Array({ min: 0xf5, minLength: 1, maxLength: 3 })],
  (bytes) => {
    const header = new TextEncoder().encode('{"__metadata__":{"":"ascii"}}');
    header.set(bytes, header.indexOf(0x61, 18));
    assert.match(check(fileOf(header))!, /its header is not JSON/);
  },
);

test("numbers that are not whole are no sizes and no offsets", () => {
  for (const value of otherValues) {
    for (const [shape, offsets] of [
      [`${value},0`, "0,0"],
      ["0", `${value},0`],
      ["0", `0,${value}`],
    ]) {
      const message = check(fileOf(`{"w":{"dtype":"F32","shape":[${shape}],"data_offsets":[${offsets}]}}`));
      assert.match(message!, /the shape|the data_offsets|not JSON|nested/, value);
    }
  }
});

property("headers of any JSON", 1000, [fc.json({ maxDepth: 5 }), fc.nat({ max: 8 })], (json, dataLength) => {
  check(fileOf(json, dataLength));
  check(fileOf(`{"w":${json}}`, dataLength));
  check(fileOf(`{"__metadata__":${json}}`, dataLength));
});

property(
  "headers of JSON's pieces",
  2000,
  [
    fc.array(
      fc.constantFrom(
        "{",
        "}",
        "[",
        "]",
        '"a":',
        '"a"',
        ":",
        ",",
        "1",
        " ",
        "\\",
        '"',
        "\u001b",
        "\u0000",
        "\u009b",
        "é",
      ),
      { maxLength: 16 },
    ),
  ],
  (pieces) => {
    check(fileOf(`{${pieces.join("")}`));
    check(fileOf(`{${pieces.join("")}}`));
  },
);

property(
  "64-bit integers fit into int32, or are refused",
  300,
  [
    fc.array(
      fc.oneof(
        fc.bigInt({ min: -(2n ** 31n) - 2n, max: 2n ** 31n + 2n }),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      ),
      { maxLength: 3 },
    ),
  ],
  (values) => {
    const file = fileOf(
      `{"n":{"dtype":"I64","shape":[${values.length}],"data_offsets":[0,${8 * values.length}]}}`,
      8 * values.length,
    );
    file.set(new Uint8Array(BigInt64Array.from(values).buffer), file.length - 8 * values.length);
    const fits = values.every((value) => value >= -(2n ** 31n) && value < 2n ** 31n);
    assert.is(check(file) === undefined, fits);
    if (fits) assert.equal([...decodeSafetensors(file, "n").tensors.get("n")!.data], values.map(Number));
  },
);

property("files of any bytes", 1000, [fc.uint8Array({ maxLength: 64 }), fc.boolean()], (bytes, isHeader) => {
  check(isHeader ? fileOf(Uint8Array.of(0x7b, ...bytes)) : bytes);
});

test.run();
