/**
 * Reads tar archives (POSIX.1-1988 and older): 512 bytes of header before every file, which is padded to a multiple of
 * 512 bytes.
 */
import { DataError } from "../engine/errors.ts";

const block = 512;

/**
 * The plain files in an archive by their names without folders, as views of `bytes`.
 * @param archive its name, for messages
 * @throws DataError when it is no tar archive, or is cut off
 */
export function readTar(bytes: Uint8Array, archive: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const help = "get the archive again from its source";
  let offset = 0;
  // Two blocks of zeros end an archive; one is enough to know.
  while (offset + block <= bytes.length && bytes[offset] !== 0) {
    const header = bytes.subarray(offset, offset + block);
    if (octal(header, 148, 8) !== checksum(header)) {
      throw new DataError(`${archive}: no header of a tar archive at byte ${offset}`, help);
    }
    const name = text(header, 0, 100);
    const length = octal(header, 124, 12);
    // Backwards, the next header would be this one again.
    if (!(length >= 0)) {
      throw new DataError(`${archive}: the header at byte ${offset} does not give its file's length`, help);
    }
    const start = offset + block;
    if (start + length > bytes.length) {
      throw new DataError(
        `${archive}: cut off in ${name}: ${bytes.length - start} of ${length} bytes are there`,
        help,
      );
    }
    const kind = text(header, 156, 1);
    if (kind === "0" || kind === "")
      files.set(name.split("/").at(-1)!, bytes.subarray(start, start + length));
    offset = start + Math.ceil(length / block) * block;
  }
  return files;
}

/** The sum of the header's bytes, its own eight counted as spaces. */
function checksum(header: Uint8Array): number {
  return header.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 0x20 : byte), 0);
}

function octal(header: Uint8Array, start: number, length: number): number {
  return Number.parseInt(text(header, start, length), 8);
}

/** Characters up to a zero byte. */
function text(header: Uint8Array, start: number, length: number): string {
  return new TextDecoder("latin1").decode(header.subarray(start, start + length)).split("\0")[0]!;
}
