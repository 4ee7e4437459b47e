/** Where there is no WebGPU: which browsers have it, and how to switch it on. */
import type { Notice } from "../../protocol.ts";

export function NoWebGpu({ notice }: { readonly notice: Notice }) {
  return (
    <article class="prose">
      <h1>This page needs WebGPU</h1>
      <p class="lead">wgrad trains on your graphics card, through WebGPU.</p>
      <div class="notice error">
        <p>
          <strong>{notice.text}</strong>
          {notice.help && <span>{notice.help}</span>}
        </p>
      </div>
      <h2>Browsers that have it</h2>
      <ul>
        {/* As MDN's tables have it. In Chrome WebGPU is there from 113 on; the adapter's `info`, which the engine
            reads, from 121 on. */}
        <li>
          <strong>Chrome and Edge</strong> 121 or newer on Windows, macOS, ChromeOS and Android, 144 or newer
          on Linux with Intel graphics since Tiger Lake
        </li>
        <li>
          <strong>Safari</strong> 26 or newer on macOS, iOS and iPadOS
        </li>
        <li>
          <strong>Firefox</strong> 141 or newer on Windows, 147 or newer on Macs with Apple silicon (145 on
          macOS 26)
        </li>
      </ul>
      <h2>How to switch it on</h2>
      <ul>
        <li>
          Chrome and Edge: in the settings, under “System”, switch “Use graphics acceleration when available”
          on. On other Linux machines, open <code>chrome://flags/#enable-unsafe-webgpu</code>, choose
          “Enabled” and start the browser again.
        </li>
        <li>
          Firefox: open <code>about:config</code> and set <code>dom.webgpu.enabled</code> to true.
        </li>
        <li>The page must come over https, or from this computer (localhost).</li>
        <li>An old graphics driver can be the cause: update it.</li>
      </ul>
      <p>
        Without any of this, the same training runs on the command line, on the processor as well:{" "}
        <code>npx wgrad train</code>
      </p>
      <button type="button" class="primary" onClick={() => location.reload()}>
        Try again
      </button>
    </article>
  );
}
