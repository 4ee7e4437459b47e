import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cacheFolder } from "../data/cacheFolder.node.ts";
import { catalogue, isCatalogueName, loadOfficialFiles } from "../data/catalogue.node.ts";
import { cifar10Archive, cifar10Classes } from "../data/cifar10.ts";
import type { Folder } from "../data/folder.ts";
import { fashionClasses, loadMnistFolder } from "../data/mnist.ts";
import { DownloadError } from "../engine/errors.ts";
import { cifar10ArchiveFile, mnistFiles, refusal, temporaryFolder } from "./data-helpers.ts";

const published = new Map<string, Uint8Array>(
  [...mnistFiles(20, 10)].map(([name, bytes]) => [`${name}.gz`, new Uint8Array(gzipSync(bytes))]),
);
const requests: string[] = [];
const server = createServer((request, response) => {
  const name = request.url!.slice("/set/".length);
  requests.push(name);
  const bytes = published.get(name);
  response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
test.after(() => {
  server.close();
  server.closeAllConnections();
});

function officialFile(name: string) {
  const bytes = published.get(name)!;
  return { name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

const entry = {
  mirrors: [`http://127.0.0.1:${(server.address() as AddressInfo).port}/set/`],
  files: [...published.keys()].map(officialFile),
  load: (folder: Folder) => loadMnistFolder(folder, { name: "fashion-mnist", classes: fashionClasses }),
};

test("a set is downloaded once, checked at every use, and mended file by file", async () => {
  const folder = join(temporaryFolder(), "cache", "fashion-mnist");
  const arrived = new Set<string>();
  const { train, test } = await loadOfficialFiles(entry, folder, {
    onProgress: (file, received, total) => received === total && arrived.add(file),
  });
  assert.equal(
    [train.name, train.count, test.name, test.count],
    ["fashion-mnist/train", 20, "fashion-mnist/test", 10],
  );
  assert.is(train.classes, fashionClasses);
  assert.equal([...arrived], [...published.keys()]);
  assert.equal(requests.splice(0), [...published.keys()]);

  await loadOfficialFiles(entry, folder, {});
  assert.equal(requests, []);

  writeFileSync(join(folder, "t10k-images-idx3-ubyte.gz"), "damaged");
  const mended = await loadOfficialFiles(entry, folder, {});
  assert.is(mended.test.count, 10);
  assert.equal(requests.splice(0), ["t10k-images-idx3-ubyte.gz"]);
});

test("a set that cannot be had is a refusal that tells of --data and names the files", async () => {
  const elsewhere = { ...entry, mirrors: [entry.mirrors[0]!.replace("/set/", "/other/")] };
  const error = await refusal(DownloadError, () => loadOfficialFiles(elsewhere, temporaryFolder(), {}));
  assert.match(error.message, /HTTP 404/);
  assert.match(
    error.help!,
    /train-images-idx3-ubyte\.gz, train-labels.*t10k-images.*t10k-labels.* --data FOLDER/,
  );
});

test("an archive is downloaded and read as it is", async () => {
  published.set(cifar10Archive, cifar10ArchiveFile(6, 3));
  const archive = {
    mirrors: entry.mirrors,
    files: [officialFile(cifar10Archive)],
    load: catalogue["cifar-10"].load,
  };
  const { train, test } = await loadOfficialFiles(archive, join(temporaryFolder(), "cifar-10"), {});
  published.delete(cifar10Archive);
  assert.equal([train.name, train.count, test.name, test.count], ["cifar-10/train", 6, "cifar-10/test", 3]);
  assert.is(train.classes, cifar10Classes);
});

test("the catalogue's entries are whole", () => {
  assert.ok(isCatalogueName("mnist"));
  assert.not(isCatalogueName("toString"));
  const hashes = Object.entries(catalogue).flatMap(([name, { mirrors, files }]) => {
    assert.is(new URL(mirrors[0]!).protocol, "https:");
    assert.ok(mirrors.every((mirror) => mirror.endsWith("/")));
    assert.equal(
      files.map((file) => file.name),
      name === "cifar-10" ? [cifar10Archive] : [...published.keys()],
    );
    return files.map(({ sha256 }) => sha256);
  });
  assert.ok(hashes.every((hash) => /^[0-9a-f]{64}$/.test(hash)));
  assert.is(new Set(hashes).size, 9);
});

test("the cache is where the platform has its caches", () => {
  const home = join("/", "home", "somebody");
  const xdg = join("/", "elsewhere");
  assert.is(cacheFolder({ WGRAD_CACHE: "here", XDG_CACHE_HOME: xdg }, "linux", home), "here");
  assert.is(cacheFolder({ XDG_CACHE_HOME: xdg }, "linux", home), join(xdg, "wgrad"));
  assert.is(
    cacheFolder({ XDG_CACHE_HOME: "relative", WGRAD_CACHE: "" }, "linux", home),
    join(home, ".cache", "wgrad"),
  );
  assert.is(cacheFolder({}, "darwin", home), join(home, "Library", "Caches", "wgrad"));
  assert.is(cacheFolder({ LOCALAPPDATA: "local" }, "win32", home), join("local", "wgrad", "Cache"));
  assert.is(cacheFolder({}, "win32", home), join(home, "AppData", "Local", "wgrad", "Cache"));
});

test.run();
