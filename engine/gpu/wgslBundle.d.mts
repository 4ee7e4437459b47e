import type { Plugin } from "esbuild";
export declare const wgslPlugin: Plugin;
