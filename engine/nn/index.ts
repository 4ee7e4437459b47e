export * from "./layers.ts";
export { Module } from "./module.ts";
export { BatchNorm1d, BatchNorm2d, LocalResponseNorm } from "./normalisation.ts";
export { AdaptiveAvgPool2d } from "./pooling.ts";
export { ConvTranspose2d } from "./upsampling.ts";
