/** Training in mixed precision: the entry `wgrad/mixed`. */
export { autocast } from "./autocast.ts";
export { type GradScaler, type GradScalerOptions, gradScaler } from "./optim/gradScaler.ts";
