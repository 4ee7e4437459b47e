/** What only Node has of the models, `wgrad/models/node`: what `wgrad tune` found. */
export { savedTuning } from "./savedTuning.node.ts";
