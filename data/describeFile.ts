/** What a file that is not what it should be seems to be: mostly a page or pointer saved in place of the data. */
export function describeFile(bytes: Uint8Array): string | undefined {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 256));
  const words = start.trimStart();
  if (/^<(!doctype html|html)/i.test(words)) return "an HTML page, perhaps a server's error message";
  if (/^<(\?xml|error|svg)/i.test(words)) return "an XML document, perhaps a server's error message";
  if (words.startsWith("version https://git-lfs")) return "a Git LFS pointer, not the file itself";
  if (start.startsWith("PK\x03\x04")) return "a ZIP archive: unpack it first";
  if (start.startsWith("GIF8")) return "a GIF picture";
  if (start.startsWith("BM")) return "a BMP picture";
  if (start.startsWith("II*\0") || start.startsWith("MM\0*")) return "a TIFF picture";
  if (start.startsWith("RIFF") && start.startsWith("WEBP", 8)) return "a WebP picture";
  if (/^ftyp(hei|hev|mif|avi)/.test(start.slice(4))) return "a HEIC or AVIF picture";
  if (/^[\t\n\r\x20-\x7e]+$/.test(start)) return "text";
  return undefined;
}

/** The first bytes in hexadecimal digits, for messages. */
export function firstBytes(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
