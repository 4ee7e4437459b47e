/** What only Node has of the models, `wgrad/models/node`: what `wgrad tune` found. */
export { OutputError } from "../engine/errors.ts";
export { savedTuning } from "./savedTuning.node.ts";
