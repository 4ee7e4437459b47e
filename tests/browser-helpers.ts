/** How the tests start Chromium. */

const flags = [
  "--no-sandbox",
  "--ignore-gpu-blocklist",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-gpu-watchdog",
];
export const withWebGpu = [...flags, "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
export const withoutWebGpu = [...flags, "--disable-features=WebGPU", "--disable-gpu"];
