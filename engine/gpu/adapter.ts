/** Finding an adapter, and saying in plain words what it is. */

import { platform } from "#platform";
import { AdapterError } from "../errors.ts";
import type { Tiling } from "./gpu.ts";

export interface AdapterDescription {
  /** For people: "llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)". */
  readonly name: string;
  /** "cpu" runs kernels on the processor's vector units (lavapipe, SwiftShader), "gpu" on a graphics card. */
  readonly kind: "cpu" | "gpu";
  readonly vendor: string;
  readonly architecture: string;
  readonly features: readonly string[];
  /** Lanes of a subgroup, at least; 0 where kernels cannot use subgroups. */
  readonly smallestSubgroup: number;
  readonly limits: Readonly<Record<string, number>>;
}

/** Everything optional that a kernel may ask for. */
const wantedFeatures = ["shader-f16", "subgroups", "timestamp-query"] as const;

export interface OpenAdapter {
  readonly adapter: GPUAdapter;
  readonly description: AdapterDescription;
  readonly features: GPUFeatureName[];
}

/**
 * The adapter named by `name` (part of its name, any case), else by `WGRAD_ADAPTER`, else the fastest.
 * @throws AdapterError when there is none, or none of that name
 */
export async function findAdapter(name: string | undefined): Promise<OpenAdapter> {
  const wanted = name ?? platform.adapterName();
  const entry = await platform.webgpu(wanted);
  const adapter =
    (await entry.requestAdapter({ powerPreference: "high-performance" })) ??
    (await entry.requestAdapter({ forceFallbackAdapter: true }));
  if (!adapter) {
    throw wanted === undefined
      ? new AdapterError("WebGPU is here, but it has no adapter", platform.noAdapterHelp)
      : new AdapterError(
          `no WebGPU adapter has "${wanted}" in its name`,
          "leave WGRAD_ADAPTER (or the option `adapter`) out to get the default one",
        );
  }
  const features = wantedFeatures.filter((feature) => adapter.features.has(feature));
  return { adapter, description: describeAdapter(adapter, features), features };
}

function describeAdapter(adapter: GPUAdapter, features: string[]): AdapterDescription {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const softwareName = /llvmpipe|lavapipe|swiftshader|software|basic render/i;
  const isCpu = isFallbackAdapter || softwareName.test(`${architecture} ${device} ${description}`);
  const limits: Record<string, number> = {};
  for (const limit in adapter.limits)
    limits[limit] = adapter.limits[limit as keyof GPUSupportedLimits] as number;
  return {
    name: nameOf(adapter.info, isCpu),
    kind: isCpu ? "cpu" : "gpu",
    vendor,
    architecture,
    features,
    smallestSubgroup: features.includes("subgroups") ? adapter.info.subgroupMinSize : 0,
    limits,
  };
}

/** A graphics card's description may be its driver's alone: the device says which card it is. */
function nameOf({ vendor, architecture, device, description }: GPUAdapterInfo, isCpu: boolean): string {
  if (description && isCpu) return description;
  const card = [vendor, architecture, device].filter(Boolean).join(" ");
  return (
    [description, card && description ? `(${card})` : card].filter(Boolean).join(" ") || "unnamed adapter"
  );
}

/** What kernels are fast on it: those that keep their tiles in registers, or in workgroup memory. */
export function tilingOf({ kind }: AdapterDescription): Tiling {
  return kind === "cpu" ? "registers" : "workgroup";
}
