/** WebGPU's flags, which Node does not have as globals. Single constants, because bundlers put these where they are used. */

// GPUBufferUsage
export const usageMapRead = 1;
export const usageCopySource = 4;
export const usageCopyDestination = 8;
export const usageUniform = 64;
export const usageStorage = 128;
export const usageQueryResolve = 512;

// GPUMapMode
export const mapModeRead = 1;

// GPUShaderStage
export const stageCompute = 4;
