import type { Plugin } from "esbuild";

export declare const wgslPlugin: Plugin;

/** A kernel's source without comments and needless spaces. */
export declare function compactKernel(source: string): string;
