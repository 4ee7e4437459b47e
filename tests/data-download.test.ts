import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Download, downloadVerified } from "../data/download.node.ts";
import { DownloadError, OutputError } from "../engine/errors.ts";
import { refusal, temporaryFolder } from "./data-helpers.ts";

const content = Uint8Array.from({ length: 300_000 }, (_, index) => (index * index) % 251);
const half = content.length / 2;

type Handler = (response: ServerResponse, request: IncomingMessage, call: number) => void;

const stopServers: (() => void)[] = [];
test.after(() => {
  for (const stop of stopServers) stop();
});

/** A server on this machine, and the `range` header of every request so far. */
async function serve(
  handler: Handler,
): Promise<{ url: string; ranges: (string | undefined)[]; stop: () => void }> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    handler(response, request, ranges.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  stopServers.push(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`, ranges, stop };
}

/** As a web server should: the whole file, or the range that is asked for. */
const whole: Handler = (response, request) => {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const headers: Record<string, string | number> = { "content-length": content.length - start };
  if (start > 0) headers["content-range"] = `bytes ${start}-${content.length - 1}/${content.length}`;
  response.writeHead(start > 0 ? 206 : 200, headers).end(content.subarray(start));
};

const withoutRanges: Handler = (response) => {
  response.writeHead(200, { "content-length": content.length }).end(content);
};

const status =
  (code: number): Handler =>
  (response) => {
    response.writeHead(code).end("<html>no");
  };

/** What `plan`'s downloads have on disk: a server goes on only when the half that it sent has arrived. */
let arrived = 0;

/** Promises everything, sends the first half, and when that has arrived does `then`. */
const firstHalf =
  (then: (response: ServerResponse) => void): Handler =>
  (response) => {
    arrived = 0;
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, half));
    const waiting = setInterval(() => {
      if (arrived < half) return;
      clearInterval(waiting);
      then(response);
    }, 5).unref();
  };
const cut = firstHalf((response) => response.destroy());

/** A handler for each successive request, the last one for all that follow. */
const inTurn =
  (...handlers: Handler[]): Handler =>
  (response, request, call) =>
    handlers[Math.min(call, handlers.length - 1)]!(response, request, call);

function plan(urls: string | string[], changes: Partial<Download> = {}): Download {
  return {
    urls: [urls].flat(),
    sha256: createHash("sha256").update(content).digest("hex"),
    bytes: content.length,
    destination: join(temporaryFolder(), "cache", "file.gz"),
    help: "use --data FOLDER",
    onProgress: (received) => {
      arrived = received;
    },
    stallTimeout: 5000,
    retryDelay: 5,
    ...changes,
  };
}

function assertComplete(download: Download): void {
  assert.ok(readFileSync(download.destination).equals(content), "the file has other content");
  assert.not(existsSync(`${download.destination}.part`), "the part is still there");
}

/** Neither the file, nor anything of it. */
function assertNothingLeft(download: Download): void {
  assert.not(existsSync(download.destination), "there is a file");
  assert.not(existsSync(`${download.destination}.part`), "there is a part");
}

test("a file arrives once, and is checked instead of downloaded after that", async () => {
  const server = await serve(whole);
  const progress: number[] = [];
  const download = plan(server.url, {
    onProgress: (received, total) => {
      assert.is(total, content.length);
      progress.push(received);
    },
  });
  await downloadVerified(download);
  assertComplete(download);
  assert.equal(
    progress,
    [...progress].sort((one, other) => one - other),
  );
  assert.is(progress.at(-1), content.length);
  await downloadVerified(download);
  assert.is(server.ranges.length, 1);
});

test("a damaged file is replaced", async () => {
  const server = await serve(whole);
  const download = plan(server.url);
  await downloadVerified(download);
  writeFileSync(download.destination, content.subarray(0, 1000));
  await downloadVerified(download);
  assertComplete(download);
  assert.is(server.ranges.length, 2);
});

test("wrong content of the right size is deleted, and not asked for twice", async () => {
  const other = content.slice().reverse();
  const server = await serve((response) => response.end(other));
  const download = plan(server.url);
  const error = await refusal(DownloadError, () => downloadVerified(download));
  const found = createHash("sha256").update(other).digest("hex");
  assert.match(error.message, `wrong content: SHA-256 ${found}, expected ${download.sha256}; deleted`);
  assert.match(error.message, /\n {2}help: use --data FOLDER$/);
  assertNothingLeft(download);
  assert.is(server.ranges.length, 1);
});

test("content of another size is refused by its header, or once it is too long", async () => {
  const page = await serve((response) => response.writeHead(200, { "content-length": 10 }).end("<html>hi!!"));
  const announced = plan(page.url);
  const first = await refusal(DownloadError, () => downloadVerified(announced));
  assert.match(first.message, /a file of 10 bytes, expected 300000/);
  assertNothingLeft(announced);

  const endless = await serve((response) => {
    response.write(content);
    response.write(content);
  });
  const unannounced = plan(endless.url);
  const second = await refusal(DownloadError, () => downloadVerified(unannounced));
  assert.match(second.message, /more than the expected 300000 bytes/);
  assert.not(existsSync(unannounced.destination));
});

test("after 404 and wrong content the next mirror is tried; no mirror left is a refusal that names all", async () => {
  const missing = await serve(status(404));
  const wrong = await serve((response) => response.end(content.slice().reverse()));
  const good = await serve(whole);
  const download = plan([missing.url, wrong.url, good.url]);
  await downloadVerified(download);
  assertComplete(download);
  assert.equal([missing.ranges.length, wrong.ranges.length, good.ranges.length], [1, 1, 1]);

  const hopeless = plan([missing.url, wrong.url]);
  const error = await refusal(DownloadError, () => downloadVerified(hopeless));
  assert.match(
    error.message,
    `could not download ${hopeless.destination}\n  ${missing.url}: HTTP 404 Not Found\n`,
  );
  assert.match(error.message, `\n  ${wrong.url}: wrong content`);
  assertNothingLeft(hopeless);
});

test("a busy server is asked again, four times in all", async () => {
  const busy = await serve(inTurn(status(503), status(429), whole));
  const download = plan(busy.url);
  await downloadVerified(download);
  assertComplete(download);
  assert.is(busy.ranges.length, 3);

  const alwaysBusy = await serve(status(503));
  const error = await refusal(DownloadError, () => downloadVerified(plan(alwaysBusy.url)));
  assert.match(error.message, /HTTP 503 Service Unavailable/);
  assert.is(alwaysBusy.ranges.length, 4);
});

test("after a cut the rest is asked for", async () => {
  const server = await serve(inTurn(cut, whole));
  const download = plan(server.url);
  await downloadVerified(download);
  assertComplete(download);
  assert.equal(server.ranges, [undefined, `bytes=${half}-`]);
});

test("after a cut, a server without ranges sends all of it again", async () => {
  const server = await serve(inTurn(cut, withoutRanges));
  const download = plan(server.url);
  await downloadVerified(download);
  assertComplete(download);
  assert.is(server.ranges.length, 2);
});

test("a part is kept for the next run and for another mirror", async () => {
  const broken = await serve(cut);
  const download = plan(broken.url);
  const error = await refusal(DownloadError, () => downloadVerified(download));
  assert.match(error.message, /the connection broke after 150000 of 300000 bytes/);
  assert.not(existsSync(download.destination));

  const good = await serve(whole);
  await downloadVerified({ ...download, urls: [good.url] });
  assertComplete(download);
  assert.equal(good.ranges, [`bytes=${half}-`]);
});

test("a chunked answer that ends early counts as cut", async () => {
  const early: Handler = (response) => {
    response.write(content.subarray(0, half));
    response.end();
  };
  const server = await serve(inTurn(early, whole));
  const download = plan(server.url);
  await downloadVerified(download);
  assertComplete(download);
  assert.equal(server.ranges, [undefined, `bytes=${half}-`]);
});

test("a part with other content leads to a new start, not to a wrong file", async () => {
  const server = await serve(whole);
  const download = plan(server.url);
  mkdirSync(join(download.destination, ".."), { recursive: true });
  writeFileSync(`${download.destination}.part`, "not the beginning of the file");
  await downloadVerified(download);
  assertComplete(download);
  assert.equal(server.ranges, ["bytes=29-", undefined]);

  writeFileSync(download.destination, "");
  writeFileSync(`${download.destination}.part`, new Uint8Array(content.length + 1));
  await downloadVerified(download);
  assertComplete(download);
});

test("a part that is complete needs no server", async () => {
  const download = plan("http://127.0.0.1:9/never-asked");
  mkdirSync(join(download.destination, ".."), { recursive: true });
  writeFileSync(`${download.destination}.part`, content);
  await downloadVerified(download);
  assertComplete(download);
});

test("another range than the one asked for is not used", async () => {
  const server = await serve(
    inTurn(cut, (response) => {
      response.writeHead(206, {
        "content-range": `bytes ${half + 1}-${content.length - 1}/${content.length}`,
      });
      response.end(content.subarray(half + 1));
    }),
  );
  const download = plan(server.url);
  const error = await refusal(DownloadError, () => downloadVerified(download));
  assert.match(error.message, /sent another part of the file than asked/);
  assert.not(existsSync(download.destination));
});

test("a server that stalls is left, before and after its first byte", async () => {
  const stalling = await serve(
    inTurn(
      firstHalf(() => {}),
      whole,
    ),
  );
  const download = plan(stalling.url, { stallTimeout: 200 });
  await downloadVerified(download);
  assertComplete(download);
  assert.equal(stalling.ranges, [undefined, `bytes=${half}-`]);

  const silent = await serve(() => {});
  const error = await refusal(DownloadError, () => downloadVerified(plan(silent.url, { stallTimeout: 50 })));
  assert.match(error.message, /no data for 0\.05 s\n/);
  assert.is(silent.ranges.length, 4);
});

test("a slow server that goes on is not left", async () => {
  const step = content.length / 10;
  const slow = await serve(async (response) => {
    response.writeHead(200, { "content-length": content.length });
    for (let start = 0; start < content.length; start += step) {
      response.write(content.subarray(start, start + step));
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    response.end();
  });
  const download = plan(slow.url, { stallTimeout: 400 });
  await downloadVerified(download);
  assertComplete(download);
  assert.is(slow.ranges.length, 1);
});

test("no connection: refused at once, with what to do", async () => {
  const server = await serve(whole);
  server.stop();
  const download = plan([server.url, server.url], { retryDelay: 60_000 });
  const error = await refusal(DownloadError, () => downloadVerified(download));
  assert.match(error.message, /: the server refused the connection\n.*: the server refused the connection\n/);
  assert.match(error.message, /help: use --data FOLDER/);
  assertNothingLeft(download);
});

test("an abort stops, with the signal's own reason, and the next call goes on", async () => {
  const server = await serve(
    inTurn(
      firstHalf(() => {}),
      whole,
    ),
  );
  const stop = new AbortController();
  const download = plan(server.url, {
    signal: stop.signal,
    onProgress: (received) => received === half && stop.abort("enough"),
  });
  let reason: unknown;
  await downloadVerified(download).catch((error) => {
    reason = error;
  });
  assert.is(reason, "enough");
  assert.not(existsSync(download.destination));
  await downloadVerified({ ...download, signal: undefined });
  assertComplete(download);
  assert.equal(server.ranges, [undefined, `bytes=${half}-`]);
});

test("an abort while waiting for the next attempt, and one before the first", async () => {
  const stop = new AbortController();
  const server = await serve((response) => {
    response.writeHead(503).end();
    setTimeout(() => stop.abort("no patience"), 50);
  });
  const download = plan(server.url, { signal: stop.signal, retryDelay: 60_000 });
  for (let call = 0; call < 2; call++) {
    let reason: unknown;
    await downloadVerified(download).catch((error) => {
      reason = error;
    });
    assert.is(reason, "no patience");
    assert.is(server.ranges.length, 1);
  }
});

test("two at the same download do not harm each other", async () => {
  const server = await serve(firstHalf((response) => response.end(content.subarray(half))));
  const download = plan(server.url);
  await Promise.all([downloadVerified(download), downloadVerified(download)]);
  assertComplete(download);
});

test("a folder that cannot be made is an OutputError", async () => {
  const server = await serve(whole);
  const file = join(temporaryFolder(), "a-file");
  writeFileSync(file, "");
  const download = plan(server.url, { destination: join(file, "cache", "file.gz") });
  const error = await refusal(OutputError, () => downloadVerified(download));
  assert.match(error.message, `cannot write ${download.destination}: `);
  assert.is(server.ranges.length, 0);
});

test("what is in the file's place and cannot be read is an OutputError, and not called full", async () => {
  const server = await serve(whole);
  const folder = temporaryFolder();
  const error = await refusal(OutputError, () => downloadVerified(plan(server.url, { destination: folder })));
  assert.match(error.message, `cannot read ${folder}, where the download belongs: EISDIR`);
  assert.match(error.message, /\n {2}help: move away what is there, or see to it that you may read it$/);
  assert.is(server.ranges.length, 0);
});

test.run();
