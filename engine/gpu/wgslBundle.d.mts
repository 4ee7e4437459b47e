import type { Plugin } from "esbuild";

export declare const wgslPlugin: Plugin;

/** A kernel's source without comments, needless spaces and long local names. */
export declare function compactKernel(source: string): string;

/** Short names for what kernels declare and the host never mentions. */
export declare function shortNames(kernels: string, host: string): Map<string, string>;
