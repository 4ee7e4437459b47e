/**
 * The safetensors format, in which PyTorch and most others exchange weights: the length of a header as a
 * 64-bit little-endian number, the header as JSON (each tensor's dtype, shape and place), then the tensors'
 * bytes without gaps. Specification: README of github.com/huggingface/safetensors, "Format".
 *
 * A file may come from anywhere, so nothing in it is believed: no number of the header is used before it was
 * held against the length of the file, and names go into a Map, where `__proto__` is a name like any other.
 */
import { ArgumentError, DataError } from "../errors.ts";
import type { HostDType } from "../tensor.ts";

export interface SafetensorsTensor {
  readonly dtype: HostDType;
  readonly shape: readonly number[];
  /** The values, last dimension fastest. */
  readonly data: Float32Array | Int32Array | Uint32Array;
}

const kinds = {
  float32: { code: "F32", array: Float32Array },
  int32: { code: "I32", array: Int32Array },
  uint32: { code: "U32", array: Uint32Array },
} as const;
const dtypeOfCode = new Map<unknown, HostDType>([
  ["F32", "float32"],
  ["I32", "int32"],
  ["U32", "uint32"],
  ["I64", "int32"], // read only: PyTorch counts in them, as in num_batches_tracked
]);

/** The limit that the reference implementation sets. */
const longestHeader = 100_000_000;
const prefixLength = 8;
const metadataKey = "__metadata__";

/**
 * The bytes of a safetensors file.
 * @param tensors by name, in the order in which they are to lie in the file
 * @param metadata free text by free name
 * @throws ArgumentError when a tensor's data does not fit its dtype and shape, its shape is none, or its name is
 * `__metadata__`
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const entries: string[] = [];
  if (metadata.size > 0) entries.push(`"${metadataKey}":${JSON.stringify(Object.fromEntries(metadata))}`);
  let dataLength = 0;
  for (const [name, { dtype, shape, data }] of tensors) {
    if (name === metadataKey) {
      throw new ArgumentError(`encodeSafetensors: a tensor cannot be called ${metadataKey}`, "rename it");
    }
    if (!isSizes(shape)) {
      throw new ArgumentError(
        `encodeSafetensors: ${quote(name)} has the shape [${shape.join(", ")}], expected whole numbers, 0 or more`,
      );
    }
    const { code, array } = kinds[dtype];
    const count = shape.reduce((product, size) => product * size, 1);
    if (!(data instanceof array) || data.length !== count) {
      throw new ArgumentError(
        `encodeSafetensors: ${quote(name)} has ${data.length} values in a ${data.constructor.name}, ` +
          `expected ${count} in a ${array.name} for ${dtype} [${shape.join(", ")}]`,
      );
    }
    const end = dataLength + data.byteLength;
    entries.push(
      `${JSON.stringify(name)}:{"dtype":"${code}","shape":[${shape.join(",")}],"data_offsets":[${dataLength},${end}]}`,
    );
    dataLength = end;
  }
  const header = new TextEncoder().encode(`{${entries.join(",")}}`);
  const headerLength = Math.ceil(header.length / 8) * 8;
  const file = new Uint8Array(prefixLength + headerLength + dataLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  // Spaces up to the next multiple of 8, so that the data is aligned.
  file.fill(0x20, prefixLength, prefixLength + headerLength);
  file.set(header, prefixLength);
  let offset = prefixLength + headerLength;
  for (const { data } of tensors.values()) {
    // The bytes as they are: every platform with WebGPU is little-endian.
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}

/**
 * Reads a safetensors file of float32, int32 and uint32 tensors; those of 64-bit integers become int32.
 * @param file its name, for messages
 * @returns the tensors by name, in their order in the file, as copies; and the metadata, empty when there is none
 * @throws DataError when the file is not whole, contradicts itself, or has a tensor of another dtype, or a number
 * that does not fit into int32
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  file: string,
): { tensors: Map<string, SafetensorsTensor>; metadata: Map<string, string> } {
  const headerLength = readHeaderLength(bytes, file);
  const header = readHeader(bytes.subarray(prefixLength, prefixLength + headerLength), file);
  const data = bytes.subarray(prefixLength + headerLength);

  let metadata = new Map<string, string>();
  const entries: TensorEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === metadataKey) metadata = readMetadata(value, file);
    else entries.push(readEntry(name, value, file));
  }

  // A tensor without values begins where the next one does, so the end decides as well.
  entries.sort((one, other) => one.begin - other.begin || one.end - other.end);
  const tensors = new Map<string, SafetensorsTensor>();
  let covered = 0;
  for (const { name, dtype, isWide, shape, begin, end } of entries) {
    if (begin !== covered) {
      const fault = begin < covered ? "overlaps the tensor before it" : "leaves a gap";
      throw broken(
        file,
        `the data of ${quote(name)} begins at byte ${begin}, expected ${covered}: it ${fault}`,
      );
    }
    if (end > data.length) {
      throw broken(
        file,
        `cut off: the data of ${quote(name)} ends at byte ${end}, and the file has ${data.length} bytes of data`,
      );
    }
    // Copied, because a typed array has to begin at a multiple of 4. (`slice` does not copy a Buffer of Node's.)
    const copy = new Uint8Array(data.subarray(begin, end));
    const values = isWide ? narrow(copy, name, file) : new kinds[dtype].array(copy.buffer);
    tensors.set(name, { dtype, shape, data: values });
    covered = end;
  }
  if (covered !== data.length) {
    throw broken(
      file,
      `too long: the tensors take ${covered} bytes of data, and the file has ${data.length}`,
    );
  }
  return { tensors, metadata };
}

interface TensorEntry {
  readonly name: string;
  readonly dtype: HostDType;
  /** Whether a value takes 8 bytes, not 4. */
  readonly isWide: boolean;
  readonly shape: readonly number[];
  /** Where the data lies, in bytes from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

function readHeaderLength(bytes: Uint8Array, file: string): number {
  if (bytes.length < prefixLength) {
    throw broken(
      file,
      `${bytes.length} bytes, too few even for the header's length, which takes ${prefixLength}`,
    );
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(longestHeader)) {
    throw broken(
      file,
      `this is no safetensors file: its first ${prefixLength} bytes would mean a header of ${length} bytes`,
      "give a file in the safetensors format; PyTorch's .pt and .pth files are in another",
    );
  }
  if (length > BigInt(bytes.length - prefixLength)) {
    throw broken(
      file,
      `cut off: a header of ${length} bytes is announced, and ${bytes.length - prefixLength} bytes follow`,
    );
  }
  return Number(length);
}

/** The header, parsed. */
function readHeader(bytes: Uint8Array, file: string): object {
  if (bytes[0] !== 0x7b) {
    throw broken(file, "this is no safetensors file: its header does not begin with {");
  }
  let text: string;
  let header: object;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (error) {
    throw broken(file, `its header is not JSON: ${printable((error as Error).message)}`);
  }
  checkKeys(text, file);
  return header;
}

function readMetadata(value: unknown, file: string): Map<string, string> {
  if (!isObject(value)) throw broken(file, `${metadataKey} is no object`);
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string")
      throw broken(file, `${metadataKey} has a value that is no text: ${quote(key)}`);
    metadata.set(key, text);
  }
  return metadata;
}

function readEntry(name: string, value: unknown, file: string): TensorEntry {
  if (!isObject(value)) throw broken(file, `the entry of ${quote(name)} is no object`);
  const { dtype: code, shape, data_offsets: offsets } = value;
  const dtype = dtypeOfCode.get(code);
  if (dtype === undefined) {
    throw broken(
      file,
      `${quote(name)} has the dtype ${quote(code)}, expected F32, I32, U32 or I64`,
      "convert the tensor before it is saved, in PyTorch with tensor.float()",
    );
  }
  if (!isSizes(shape)) {
    throw broken(file, `${quote(name)} has the shape ${quote(shape)}, expected a list of whole numbers`);
  }
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw broken(file, `${quote(name)} has the data_offsets ${quote(offsets)}, expected [begin, end]`);
  }
  const [begin, end] = offsets as [number, number];
  // A product too large to be exact is far larger than any file, and so does not fit either.
  const isWide = code === "I64";
  const expected = (isWide ? 8 : 4) * shape.reduce((product, size) => product * size, 1);
  if (end - begin !== expected) {
    throw broken(
      file,
      `${quote(name)} has ${end - begin} bytes of data (from ${begin} to ${end}), ` +
        `expected ${expected} for ${isWide ? "int64" : dtype} ${quote(shape)}`,
    );
  }
  return { name, dtype, isWide, shape, begin, end };
}

/** 64-bit integers as 32-bit ones. */
function narrow(bytes: Uint8Array, name: string, file: string): Int32Array {
  return Int32Array.from(new BigInt64Array(bytes.buffer), (value) => {
    if (value === BigInt.asIntN(32, value)) return Number(value);
    throw new DataError(`${file}: ${quote(name)} has the number ${value}, which does not fit into int32`);
  });
}

/**
 * Refuses what `JSON.parse` passes in silence: a key that stands in an object twice, where the last would win.
 * Also refuses nesting beyond the format's own, tensors → tensor → shape.
 */
function checkKeys(json: string, file: string): void {
  // The keys so far of each object or list around the current place.
  const around: Set<string>[] = [];
  for (let place = 0; place < json.length; place++) {
    const character = json[place]!;
    if (character === "{" || character === "[") {
      if (around.length === 3) throw broken(file, "its header is nested more than 3 deep");
      around.push(new Set());
    } else if (character === "}" || character === "]") {
      around.pop();
    } else if (character === '"') {
      const start = place++;
      while (json[place] !== '"') place += json[place] === "\\" ? 2 : 1;
      if (!isFollowedByColon(json, place + 1)) continue;
      const key: string = JSON.parse(json.slice(start, place + 1));
      const keys = around.at(-1)!;
      if (keys.has(key)) throw broken(file, `its header has the key ${quote(key)} twice`);
      keys.add(key);
    }
  }
}

function isFollowedByColon(json: string, place: number): boolean {
  let next = place;
  while (" \t\r\n".includes(json[next]!)) next++;
  return json[next] === ":";
}

/** Whether JSON has it as an object, with names and values. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isSize);
}

/** JSON has a -0, which is no size. */
function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

/** A value from a file for a message: visibly a quotation, on one line, and not longer than a line. */
function quote(value: unknown): string {
  const text = printable(JSON.stringify(value) ?? "undefined");
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Control characters as JSON writes them: a file must not steer the terminal that shows a message about it. */
export function printable(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function broken(
  file: string,
  problem: string,
  help = "write the file again, or get it again from its source",
) {
  return new DataError(`${file}: ${problem}`, help);
}
