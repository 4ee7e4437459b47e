/**
 * Unpacks gzip with the platform's own `DecompressionStream`, which Node and browsers share.
 */
import { DataError } from "../engine/errors.ts";

/** Above CIFAR-10's 184 MB, far below what a crafted file can unpack to. */
const largestContent = 2 ** 28;

/** Whether the bytes begin as a gzip file does (RFC 1952). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The content of a gzip file.
 * @param file the file's name, for messages
 * @throws DataError when the file is cut off or damaged, or unpacks to more than 256 MiB
 */
export async function gunzip(bytes: Uint8Array, file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream("gzip"));
  const reader = stream.getReader();
  for (;;) {
    let chunk: ReadableStreamReadResult<Uint8Array>;
    try {
      chunk = await reader.read();
    } catch (error) {
      throw new DataError(
        `${file}: the gzip data is cut off or damaged (${(error as Error).message}): ` +
          `${bytes.length} bytes in the file, ${length} unpacked before the fault`,
        "download the file again, or copy it again from where it came",
        { cause: error },
      );
    }
    if (chunk.done) break;
    chunks.push(chunk.value);
    length += chunk.value.length;
    if (length > largestContent) {
      await reader.cancel();
      throw new DataError(
        `${file}: ${bytes.length} bytes of gzip unpack to more than ${largestContent}`,
        "this is no dataset that fits in memory; check where the file came from",
      );
    }
  }
  const content = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    content.set(chunk, offset);
    offset += chunk.length;
  }
  return content;
}
