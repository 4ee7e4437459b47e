/** `node --import ./engine/gpu/wgslLoader.mjs …`: after this, `import source from "./kernel.wgsl"` works. */
import * as module from "node:module";
import { load } from "./wgslHooks.mjs";

if (module.registerHooks) module.registerHooks({ load });
else module.register("./wgslHooks.mjs", import.meta.url); // Node before 22.15 has only the asynchronous kind
